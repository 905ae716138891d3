/** The classify tab: pictures and labels go in, bars come out. */

import { Cards } from './label-cards.js';
import { onChange } from '../../ui/dom.js';
import { Labels } from './labels.js';
import { Failure } from '../search/messages.js';
import { receive } from '../../ui/pictures.js';
import { classifyError, subjects, unanswered } from '../../state/selectors.js';
import { count } from '../../ui/words.js';

export function Classify(section, send, { run }) {
  const get = (id) => section.querySelector(`#${id}`);
  const labels = Labels(get('ask'), send);
  const cards = Cards(get('cards'), send);
  const [status, message, template] = [get('classify-status'), get('classify-message'), get('template')];
  const files = get('classify-files');

  get('choose').addEventListener('click', () => files.click());
  files.addEventListener('change', () => {
    receive(files.files, 'classify', send);
    files.value = '';
  });
  get('remove-all').addEventListener('click', () => send({ type: 'subjectsCleared' }));
  get('ask').addEventListener('submit', (event) => {
    event.preventDefault();
    labels.take();
    send({ type: 'retriedClassifying' });
    run();
  });
  template.addEventListener('change', () => {
    send({ type: 'went', to: { template: template.value }, replace: true });
  });
  get('mode').addEventListener('change', (event) => {
    send({ type: 'went', to: { mode: event.target.value }, replace: true });
  });

  const showTemplate = onChange((text) => {
    template.value = text;
    if (text) get('options').open = true;
  });
  const showError = onChange((error) => {
    message.hidden = !error;
    const again = () => send({ type: 'retriedClassifying' });
    message.replaceChildren(...(error ? [Failure(error, again)] : []));
  });
  const say = onChange((text) => (status.textContent = text));

  return function update(state) {
    section.hidden = state.route.tab !== 'classify';
    if (section.hidden) return;
    labels.update(state);
    cards(state);
    showTemplate(state.route.template);
    section.querySelector(`[name=mode][value=${state.route.mode}]`).checked = true;
    showError(classifyError(state));
    say(situation(state));
    get('remove-all').hidden = subjects(state).length === 0;
  };
}

/** One line about missing input or progress. */
function situation(state) {
  const pictures = subjects(state).length;
  if (classifyError(state)) return '';
  if (!pictures) return 'Drop pictures anywhere on this page, paste one, or choose some.';
  if (!state.route.labels.length) return `${count(pictures, 'picture')}, no labels yet.`;
  const waiting = unanswered(state).length;
  if (waiting) return `Classifying ${count(waiting, 'picture')} …`;
  return `${count(pictures, 'picture')} classified by ${count(state.route.labels.length, 'label')}.`;
}
