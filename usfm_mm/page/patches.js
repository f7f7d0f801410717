// Patches are painted by pressing, and by drawing over several with the button held down.
let colour = null;
const cellOf = (event) => {
  const under = document.elementFromPoint(event.clientX, event.clientY);
  return under && element.contains(under) ? under.closest('[data-cell]') : null;
};
const paint = (cell) => {
  cell.classList.toggle('masked', colour);
  cell.setAttribute('aria-pressed', colour);
};
const send = () => {
  const columns = Number(element.querySelector('[data-columns]').dataset.columns);
  const flat = [...element.querySelectorAll('[data-cell]')].map((cell) =>
    cell.classList.contains('masked') ? 1 : 0);
  const rows = [];
  for (let i = 0; i < flat.length; i += columns) rows.push(flat.slice(i, i + columns));
  props.value = rows;
  trigger('input');
};
element.addEventListener('pointerdown', (event) => {
  const cell = cellOf(event);
  if (!cell) return;
  event.preventDefault();
  colour = !cell.classList.contains('masked');
  paint(cell);
});
element.addEventListener('pointermove', (event) => {
  const cell = colour === null ? null : cellOf(event);
  if (cell) paint(cell);
});
window.addEventListener('pointerup', () => {
  if (colour === null) return;
  colour = null;
  send();
});
element.addEventListener('keydown', (event) => {
  const cell = event.target.closest('[data-cell]');
  if (!cell || (event.key !== ' ' && event.key !== 'Enter')) return;
  event.preventDefault();
  colour = !cell.classList.contains('masked');
  paint(cell);
  colour = null;
  send();
});
