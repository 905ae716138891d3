/** Pictures dropped or pasted anywhere on the page. */

import { receive } from './pictures.js';

const INVITATION = {
  search: 'Drop a picture to search by it',
  classify: 'Drop pictures to classify them',
};

export function Drop(veil, send, current) {
  const text = veil.querySelector('p');
  let depth = 0;
  let ours = false;

  const brings = (event) => !ours && event.dataTransfer?.types.includes('Files');
  const tab = () => current().route.tab;

  function hide() {
    depth = 0;
    veil.hidden = true;
  }

  // a tile dragged out of the page is not a picture brought into it
  addEventListener('dragstart', () => (ours = true));
  addEventListener('dragend', () => (ours = false));

  addEventListener('dragenter', (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    depth += 1;
    text.textContent = INVITATION[tab()];
    veil.hidden = false;
  });

  addEventListener('dragleave', (event) => {
    if (!brings(event)) return;
    depth -= 1;
    if (depth <= 0) hide();
  });

  addEventListener('dragover', (event) => {
    if (brings(event)) event.preventDefault();
  });

  addEventListener('drop', (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    hide();
    receive(event.dataTransfer.files, tab(), send);
  });

  addEventListener('paste', (event) => {
    const { files } = event.clipboardData;
    if (!files.length) return;
    event.preventDefault();
    receive(files, tab(), send);
  });
}
