/** Elements made in one expression. Strings become text nodes: markup in them stays text. */

const SVG = 'http://www.w3.org/2000/svg';

/** `onclick`-like functions are listened to; null and false attributes are left out. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A drawing of icons.svg; silent to screen readers. */
export function icon(name) {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `/static/ui/icons.svg#${name}`);
  svg.append(use);
  return svg;
}

/** An update that does its work only when the value it depends on has changed. */
export function onChange(work) {
  let last;
  return (value, ...rest) => {
    const text = typeof value === 'object' ? value : String(value);
    if (text === last) return;
    last = text;
    work(value, ...rest);
  };
}

export function debounce(work, milliseconds) {
  let timer;
  const later = (...args) => {
    clearTimeout(timer);
    timer = setTimeout(work, milliseconds, ...args);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

/** True where a key press is meant for a field, not for the page. */
export const inField = (target) =>
  Boolean(target.closest?.('input:not([type=radio], [type=checkbox]), textarea, select'));
