import assert from 'node:assert/strict';
import { test } from 'node:test';

import { aspect, justify, neighbour, rowHeight } from '../../web/views/search/justified-rows.js';

const frame = { width: 1000, target: 200, gap: 10, ended: true };
const wide = { width: 300, height: 200 };
const tall = { width: 200, height: 300 };
const shapes = (count) => Array.from({ length: count }, (_, index) => (index % 3 ? wide : tall));

const rowsOf = (boxes) => Object.values(Object.groupBy?.(boxes, (box) => box.row) ?? grouped(boxes));

function grouped(boxes) {
  const rows = {};
  for (const box of boxes) (rows[box.row] ??= []).push(box);
  return rows;
}

test('every full row fills the width exactly, with boxes of one height', () => {
  const { boxes } = justify(shapes(40), frame);
  for (const row of rowsOf(boxes).slice(0, -1)) {
    assert.ok(Math.abs(row.at(-1).x + row.at(-1).width - 1000) < 0.001);
    assert.equal(new Set(row.map((box) => box.height)).size, 1);
  }
});

test('row heights stay near the target', () => {
  const { boxes } = justify(shapes(60), frame);
  for (const box of boxes) assert.ok(box.height > 130 && box.height < 300, `${box.height}`);
});

test('boxes keep the shape of their pictures', () => {
  const { boxes } = justify([wide, tall, wide], frame);
  assert.ok(Math.abs(boxes[0].width / boxes[0].height - 1.5) < 0.001);
  assert.ok(Math.abs(boxes[1].width / boxes[1].height - 2 / 3) < 0.001);
});

test('a last row that is not full keeps the target height', () => {
  const { boxes } = justify([wide], frame);
  assert.deepEqual(boxes, [{ x: 0, y: 0, width: 300, height: 200, row: 0 }]);
});

test('more pictures never move the rows that were shown', () => {
  const before = justify(shapes(31), { ...frame, ended: false }).boxes;
  const after = justify(shapes(80), { ...frame, ended: false }).boxes;
  assert.ok(before.length > 20);
  assert.deepEqual(after.slice(0, before.length), before);
});

test('the height covers all rows', () => {
  const { boxes, height } = justify(shapes(20), frame);
  assert.equal(height, boxes.at(-1).y + boxes.at(-1).height);
  assert.equal(justify([], frame).height, 0);
});

test('unknown sizes are squares, extreme ones are cropped', () => {
  assert.equal(aspect({}), 1);
  assert.equal(aspect({ width: 10000, height: 1 }), 3);
  assert.equal(aspect({ width: 1, height: 10000 }), 0.55);
});

test('rows are lower on a phone than on a wide screen, and never huge', () => {
  assert.ok(rowHeight(360) < rowHeight(1280));
  assert.ok(rowHeight(360) >= 120 && rowHeight(5000) <= 250);
});

test('a very narrow page still places every picture', () => {
  const { boxes } = justify(shapes(7), { ...frame, width: 90 });
  assert.equal(boxes.length, 7);
  assert.ok(boxes.every((box) => box.width <= 90.001));
});

test('arrow keys lead to the nearest picture of the next row, and stop at the edges', () => {
  const { boxes } = justify(shapes(30), frame);
  const second = boxes.findIndex((box) => box.row === 1);
  assert.equal(neighbour(boxes, 0, 'ArrowDown'), second);
  assert.equal(neighbour(boxes, second, 'ArrowUp'), 0);
  assert.equal(neighbour(boxes, 0, 'ArrowUp'), 0);
  assert.equal(neighbour(boxes, 0, 'ArrowLeft'), 0);
  assert.equal(neighbour(boxes, 3, 'ArrowRight'), 4);
  assert.equal(neighbour(boxes, 29, 'ArrowRight'), 29);
  assert.equal(neighbour(boxes, 7, 'Home'), 0);
  assert.equal(neighbour(boxes, 7, 'End'), 29);
});
