"""`python -m webhookui`."""

from webhookui.cli import main

if __name__ == "__main__":
    main()
