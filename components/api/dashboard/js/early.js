// Before the first paint: the theme that was chosen here, so that nothing flashes in the other one.
(() => {
  try {
    const theme = localStorage.getItem("logd.theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is off: the system's theme holds.
  }
})();
