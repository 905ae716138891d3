/** One tab stop for a long list of links; the arrow keys move within it. */

const KEYS = new Set(['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End']);

/**
 * @param {HTMLElement} list whose links carry `data-opens`
 * @param {(index: number, key: string) => number} next the index that a key leads to from a link
 * @returns {() => void} to call when the list's links have changed
 */
export function Roving(list, next) {
  const links = () => [...list.querySelectorAll('li:not([hidden]) [data-opens]')];
  let current = null;

  list.addEventListener('focusin', (event) => {
    const link = event.target.closest('li')?.querySelector('[data-opens]');
    if (link) mark(link);
  });

  list.addEventListener('keydown', (event) => {
    if (!KEYS.has(event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
    const all = links();
    const index = all.indexOf(event.target);
    if (index < 0) return;
    event.preventDefault();
    const link = all[Math.min(all.length - 1, next(index, event.key))];
    link.focus({ preventScroll: true });
    link.closest('li').scrollIntoView({ block: 'nearest' });
  });

  function mark(link) {
    for (const stop of stops(current)) stop.tabIndex = -1;
    for (const stop of stops(link)) stop.tabIndex = 0;
    current = link;
  }

  return function update() {
    const all = links();
    if (all.length) mark(all.includes(current) ? current : all[0]);
  };
}

const stops = (link) => link?.closest('li').querySelectorAll('a, button') ?? [];
