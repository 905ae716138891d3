/** Justified rows: pictures keep their shape, rows fill the width, heights stay alike. */

const NARROWEST = 0.55;
const WIDEST = 3;

/** Width over height, within the limits of a row; a square if it is not known. */
export function aspect({ width, height }) {
  if (!(width > 0 && height > 0)) return 1;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

/** The target height of rows, in pixels, on a page that is `width` pixels wide. */
export const rowHeight = (width) => Math.round(Math.min(250, Math.max(120, 84 + width * 0.12)));

/**
 * @param {{width?: number, height?: number}[]} items
 * @param {{width: number, target: number, gap: number, ended: boolean}} frame in pixels;
 *   `ended`: no further page will come, so that a last row that is not full is shown as it is
 * @returns {{boxes: {x, y, width, height, row}[], height: number}} one box per item in order;
 *   fewer boxes than items when the last row is held back until it can be filled
 */
export function justify(items, { width, target, gap, ended }) {
  const boxes = [];
  let y = 0;
  rows(items.map(aspect), width, target, gap).forEach(({ aspects, full }, row) => {
    if (!full && !ended && row > 0) return;
    const fill = (width - gap * (aspects.length - 1)) / sum(aspects);
    const height = full ? fill : Math.min(fill, target);
    let x = 0;
    for (const ratio of aspects) {
      boxes.push({ x, y, width: ratio * height, height, row });
      x += ratio * height + gap;
    }
    y += height + gap;
  });
  return { boxes, height: Math.max(0, y - gap) };
}

/** Cuts the aspects into rows, each ending where its height is nearest to the target. */
function rows(aspects, width, target, gap) {
  const cut = [];
  let row = [];
  const heightOf = (list) => (width - gap * (list.length - 1)) / sum(list);
  for (const ratio of aspects) {
    const longer = [...row, ratio];
    if (heightOf(longer) > target) {
      row = longer;
    } else if (row.length && heightOf(row) / target < target / heightOf(longer)) {
      cut.push({ aspects: row, full: true });
      row = [ratio];
      if (heightOf(row) <= target) row = closed(cut, row);
    } else {
      row = closed(cut, longer);
    }
  }
  if (row.length) cut.push({ aspects: row, full: false });
  return cut;
}

function closed(cut, row) {
  cut.push({ aspects: row, full: true });
  return [];
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** The index that an arrow key, Home or End leads to from `index`; itself at the edges. */
export function neighbour(boxes, index, key) {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (step) return Math.min(boxes.length - 1, Math.max(0, index + step));
  if (key === 'Home') return 0;
  if (key === 'End') return boxes.length - 1;
  const row = boxes[index].row + { ArrowUp: -1, ArrowDown: 1 }[key];
  return nearestIn(boxes, row, centre(boxes[index])) ?? index;
}

const centre = (box) => box.x + box.width / 2;

function nearestIn(boxes, row, x) {
  let best;
  boxes.forEach((box, index) => {
    if (box.row !== row) return;
    if (best === undefined || distance(box, x) < distance(boxes[best], x)) best = index;
  });
  return best;
}

const distance = (box, x) => Math.abs(centre(box) - x);
