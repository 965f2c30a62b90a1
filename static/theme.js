// Sets the colour scheme before anything is drawn: the system's, unless the account has chosen one.
(function () {
  const root = document.documentElement;
  if (!root.hasAttribute("data-theme-auto")) return;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const apply = () => root.setAttribute("data-bs-theme", dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => root.hasAttribute("data-theme-auto") && apply());
  apply();
})();
