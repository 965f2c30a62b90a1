// The form of a custom field: what belongs to some types only is shown for those. Without this script all of it is there.
for (const form of document.querySelectorAll("[data-field-form]")) {
  const type = form.querySelector("#type");
  const show = () => {
    for (const part of form.querySelectorAll("[data-for-types]")) {
      part.hidden = !part.dataset.forTypes.split(" ").includes(type.value);
    }
  };
  type.addEventListener("change", show);
  show();
}
