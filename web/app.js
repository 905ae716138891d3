/** The composition: one state, one `send`, and an update of every part of the page after each
 * change. */

import * as api from './load/api.js';
import { ClassLoader } from './load/classes.js';
import { Classify } from './views/classify/classify.js';
import { Detail } from './views/detail/detail.js';
import { inField } from './ui/dom.js';
import { Drop } from './ui/drop.js';
import { ResultLoader } from './load/results.js';
import { Header } from './views/header/header.js';
import { History } from './state/history.js';
import { ItemLoader } from './load/items.js';
import { askForKey } from './views/key/key.js';
import { Results } from './views/search/results.js';
import { parse } from './state/route.js';
import { SearchBar } from './views/search/search-bar.js';
import { initial, reduce } from './state/state.js';
import { title } from './ui/words.js';

const get = (id) => document.getElementById(id);

api.onMissingKey(askForKey);
let state = initial(parse(location.search));
const current = () => state;
const remember = History(send);
const results = ResultLoader(send);
const classes = ClassLoader(send, current);
const moreAgain = () => results.more(state);
const more = () => state.results.more !== 'failed' && results.more(state);
const again = () => {
  checkHealth();
  results.again(state);
};

const updates = [
  results.update,
  Header(get('top'), get('notice'), send),
  SearchBar(get('search'), send),
  Results(get('results'), send, { more, moreAgain, again, current }),
  Classify(get('classify'), send, { run: classes.run }),
  Detail(get('detail'), send, { more, current }),
  showComplaint,
  showTitle,
  ItemLoader(send),
  classes.update,
];
Drop(get('drop'), send, current);
addEventListener('keydown', onKey);
update();
checkHealth();

function send(action) {
  const before = state.route;
  state = reduce(state, action);
  remember(before, state.route, action);
  update();
}

/** An update may itself send: the later updates then see the newer state twice, which is harmless.
 * */
function update() {
  for (const show of updates) show(state);
}

async function checkHealth() {
  api.about().then((commands) => send({ type: 'told', commands }), () => {}); // ours then stay
  try {
    send({ type: 'healthy', health: await api.health() });
  } catch {
    send({ type: 'healthy', health: null }); // the results show the error
  }
}

function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey || get('detail').open) return;
  if (event.key === '/' && !inField(event.target)) {
    event.preventDefault();
    get('q').select();
    get('q').focus();
  } else if (event.key === 'ArrowDown' && event.target === get('q')) {
    event.preventDefault();
    document.querySelector('#results li:not([hidden]) [data-opens][tabindex="0"]')?.focus();
  } else if (event.key === 'Escape' && event.target.closest?.('#results')) {
    get('q').focus();
  }
}

function showComplaint({ complaint }) {
  const line = get('complaint');
  line.hidden = !complaint;
  if (line.textContent !== complaint) line.textContent = complaint;
}

function showTitle({ route, known }) {
  const item = known[route.item]?.item;
  const part = item ? title(item) : route.tab === 'classify' ? 'Classify' : route.q.trim();
  const text = part ? `${part} · mmembed` : 'mmembed';
  if (document.title !== text) document.title = text;
}
