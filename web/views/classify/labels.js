/** The labels to choose from: chips, a field that makes them, and sets to start with. */

import { Chip } from '../../ui/chip.js';
import { h, onChange } from '../../ui/dom.js';

const SETS = {
  Animals: 'cat, dog, bird, horse, fish, butterfly',
  Places: 'beach, mountains, city, forest, desert, a room indoors',
  Mood: 'calm, joyful, gloomy, dramatic, cosy',
  'Day and night': 'morning, midday, sunset, night',
  Kind: 'photo, drawing, painting, screenshot, document',
};

export function Labels(form, send) {
  const input = form.querySelector('#label');
  const chips = form.querySelector('#label-chips');
  const add = (text) => text.trim() && send({ type: 'labelsAdded', text });

  function take() {
    const text = input.value;
    input.value = '';
    add(text);
  }

  input.addEventListener('input', () => input.value.includes(',') && take());
  input.addEventListener('change', take);
  input.addEventListener('paste', (event) => {
    const text = event.clipboardData.getData('text');
    if (!/[\n,]/.test(text)) return;
    event.preventDefault();
    add(text);
  });
  input.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && input.value.trim()) {
      event.preventDefault();
      take();
    } else if (event.key === 'Backspace' && input.value === '') {
      send({ type: 'labelRemoved', label: chips.lastElementChild?.textContent });
    }
  });

  form.querySelector('#labels').addEventListener('click', (event) => {
    if (event.target === event.currentTarget) input.focus();
  });
  form.querySelector('#sets').append('Try', ...Object.entries(SETS).map((set) => SetButton(set, send)));

  const show = onChange((labels) => {
    const remove = (label) => () => {
      send({ type: 'labelRemoved', label });
      input.focus();
    };
    chips.replaceChildren(...labels.map((label) => Chip({ text: label, remove: remove(label) })));
  });

  return {
    take,
    update: ({ route }) => show(route.labels),
  };
}

function SetButton([name, labels], send) {
  const use = () => send({ type: 'went', to: { labels: labels.split(', ') }, replace: true });
  return h('button', { class: 'try', type: 'button', title: labels, onclick: use }, name);
}
