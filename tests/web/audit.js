// Runs in the page: what a screen reader would miss, and how the tokens contrast.
(() => {
  const NAMED = 'a[href], button, input:not([type=hidden]), select, textarea, dialog[open], nav, ul[aria-label]';

  const nameOf = (element) =>
    element.getAttribute('aria-label') ||
    [...(element.labels ?? [])].map((label) => label.textContent.trim()).join(' ') ||
    element.textContent.trim() ||
    [...element.querySelectorAll('img')].map((image) => image.alt).join(' ');

  const nameless = () =>
    [...document.querySelectorAll(NAMED)]
      .filter((element) => element.checkVisibility() && !nameOf(element))
      .map((element) => element.outerHTML.slice(0, 120));

  const unlabelledImages = () =>
    [...document.querySelectorAll('img:not([alt])')].map((image) => image.outerHTML);

  const repeatedIds = () => {
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    return ids.filter((id, index) => ids.indexOf(id) !== index);
  };

  function colour(token) {
    const probe = document.createElement('i');
    probe.style.color = `var(--${token})`;
    document.body.append(probe);
    const numbers = getComputedStyle(probe).color.match(/[\d.]+/g).map(Number);
    probe.remove();
    return numbers.slice(0, 3);
  }

  function luminance(rgb) {
    const [red, green, blue] = rgb
      .map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  function contrast(text, ground) {
    const [dark, light] = [colour(text), colour(ground)].map(luminance).sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  }

  return { nameless: nameless(), unlabelled: unlabelledImages(), repeated: repeatedIds(),
    contrasts: (window.pairs ?? []).map(([text, ground]) => [text, ground, contrast(text, ground)]) };
})();
