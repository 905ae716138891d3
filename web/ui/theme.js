// Not a module, so that it runs before the first paint and no wrong theme flashes.
(() => {
  try {
    const chosen = localStorage.getItem('theme');
    if (chosen) document.documentElement.dataset.theme = chosen;
  } catch {
    // storage may be forbidden; the system's theme then stands
  }
})();
