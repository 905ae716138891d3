/** The number of pictures, the model, the tabs and the theme. */

import { endSession } from '../../load/api.js';
import { Command } from '../../ui/copy.js';
import { h, icon, onChange } from '../../ui/dom.js';
import { serialise } from '../../state/route.js';
import { hasSession } from '../../load/session.js';
import { count, modelNotice } from '../../ui/words.js';

export function Header(header, notice, send) {
  const facts = header.querySelector('#facts');
  const links = [...header.querySelectorAll('[data-go]')];
  ThemeButton(header.querySelector('#theme'));
  const logOut = header.querySelector('#log-out');
  const left = () => location.assign('/');
  const stayed = (error) => send({ type: 'complained', message: error.message });
  logOut.addEventListener('click', () => endSession().then(left, stayed));

  header.addEventListener('click', (event) => {
    const link = event.target.closest('[data-go]');
    if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    const { go } = link.dataset;
    send(go === 'home' ? { type: 'homed' } : { type: 'went', to: { tab: go, item: '' } });
  });

  const showFacts = onChange((health) => {
    facts.textContent = health ? `${count(health.images ?? health.items, 'picture')} · ${health.model}` : '';
  });
  const show = ({ health, commands }) => showNotice(notice, health, commands.program);
  const showModel = onChange((health, state) => show(state));
  const showCommands = onChange((commands, state) => show(state));

  return function update(state) {
    const { health, commands, route } = state;
    showFacts(health);
    logOut.hidden = !hasSession();
    showModel(health, state);
    showCommands(commands, state);
    for (const link of links) {
      const { go } = link.dataset;
      if (go === 'home') continue;
      link.setAttribute('aria-current', go === route.tab ? 'page' : 'false');
      link.href = `/${serialise({ ...route, tab: go, item: '' })}`;
    }
  };
}

const FULL_MODEL = 'ViT-B-32-256/datacomp_s34b_b86k';

function showNotice(notice, health, program) {
  const text = modelNotice(health);
  notice.hidden = !text || isDismissed(text);
  if (notice.hidden) return;
  const dismiss = () => {
    remember('dismissed', text);
    notice.hidden = true;
  };
  notice.replaceChildren(
    h('details', {}, h('summary', {}, h('span', {}, text), ' ', h('b', {}, 'How to switch')), howTo(program)),
    h('button', { class: 'quiet', 'aria-label': 'Dismiss', type: 'button', onclick: dismiss }, icon('close')),
  );
}

const howTo = (program) =>
  h(
    'div',
    { class: 'how' },
    h('p', {}, 'Index your pictures once more with a full model, into a folder of its own, then serve that:'),
    Command(`${program} index ~/Pictures --model ${FULL_MODEL} --data ~/mmembed-full`),
    Command(`${program} serve --data ~/mmembed-full`),
  );

function ThemeButton(button) {
  const root = document.documentElement;
  const system = matchMedia('(prefers-color-scheme: dark)');
  const dark = () => (root.dataset.theme ? root.dataset.theme === 'dark' : system.matches);
  const update = () => button.setAttribute('aria-pressed', String(dark()));

  button.addEventListener('click', () => {
    root.dataset.theme = dark() ? 'light' : 'dark';
    remember('theme', root.dataset.theme);
    update();
  });
  system.addEventListener('change', update);
  update();
}

function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // storage may be forbidden; the choice then lasts as long as the page
  }
}

function isDismissed(text) {
  try {
    return localStorage.getItem('dismissed') === text;
  } catch {
    return false;
  }
}
