'use strict';

// Browsers open six connections to a server, for all their windows, and each moving picture keeps one.
// The others are refreshed now and then, over the connections that are left.
const MOVING = 3;
const REFRESH_MS = 1000;

// `?stream=NAME` shows this one. Behind a load balancer, each stream has its own server, and none has the
// list of all.
const wanted = new URLSearchParams(location.search).get('stream');

const main = document.getElementById('streams');
const summary = document.getElementById('summary');
const none = document.getElementById('none');
const template = document.getElementById('card');
const cards = new Map();

const format = {
  frames_per_second: (value) => value.toFixed(1),
  convert_p99_ms: (value) => `${value.toFixed(2)} ms`,
  queued: String,
  viewers: String,
  shown: String,
};

function makeCard(name) {
  const card = template.content.cloneNode(true).firstElementChild;
  card.tries = 0;
  card.dataset.stream = name;
  card.querySelector('img').alt = `The stream ${name}`;
  card.querySelector('a').href = `streams/${name}.mjpeg`;
  return card;
}

function showPicture(card, stream, isMoving) {
  const image = card.querySelector('img');
  if (stream.state === 'failed') {
    return;
  }
  // Chromium tells nobody when the connection of a moving picture breaks.
  if (image.complete && image.naturalWidth === 0 && image.hasAttribute('src')) {
    card.tries += 1;
  }
  // A stream that ended and began again has another id. One that broke is asked for again.
  const source = isMoving ? `streams/${stream.name}.mjpeg?v=${stream.id}.${card.tries}`
    : `streams/${stream.name}.jpg?v=${Date.now()}`;
  if (!isMoving || image.getAttribute('src') !== source) {
    image.src = source;
  }
}

function showStream(card, stream, isMoving) {
  const title = card.querySelector('h2');
  const state = stream.state === 'running' ? '' : ` (${stream.state})`;
  title.textContent = stream.name;
  title.append(' ', Object.assign(document.createElement('small'), { textContent: (stream.input ?? '') + state }));
  for (const [figure, text] of Object.entries(format)) {
    card.querySelector(`[data-figure=${figure}]`).textContent = text(stream[figure]);
  }
  const error = card.querySelector('.error');
  error.hidden = !stream.error;
  error.textContent = stream.error ?? '';
  showPicture(card, stream, isMoving);
}

function show(streams) {
  const names = new Set(streams.map((stream) => stream.name));
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      // Without a source, its connection is closed.
      card.querySelector('img').removeAttribute('src');
      card.remove();
      cards.delete(name);
    }
  }
  streams.forEach((stream, index) => {
    if (!cards.has(stream.name)) {
      cards.set(stream.name, makeCard(stream.name));
    }
    const card = cards.get(stream.name);
    if (main.children[index] !== card) {
      main.insertBefore(card, main.children[index] ?? null);
    }
    showStream(card, stream, index < MOVING);
  });
  const total = streams.reduce((sum, stream) => sum + stream.frames_per_second, 0);
  summary.textContent = `${streams.length} ${streams.length === 1 ? 'stream' : 'streams'}, ${total.toFixed(0)} frames/s`;
  none.hidden = streams.length > 0;
}

async function getStreams() {
  const answer = await fetch(wanted === null ? 'streams' : `streams/${encodeURIComponent(wanted)}`);
  if (wanted !== null && answer.status === 404) {
    return [];
  }
  if (!answer.ok) {
    throw new Error(`the server answers ${answer.status}`);
  }
  const found = await answer.json();
  return wanted === null ? found.streams : [found];
}

async function refresh() {
  try {
    if (!document.hidden) {
      show(await getStreams());
    }
  } catch (error) {
    summary.textContent = `The server does not answer (${error.message}).`;
    breakOff();
  }
  setTimeout(refresh, REFRESH_MS);
}

// Closes the connections of moving pictures. They are opened again with the next refresh.
function breakOff() {
  for (const card of cards.values()) {
    card.querySelector('img').removeAttribute('src');
    card.tries += 1;
  }
}

document.addEventListener('visibilitychange', () => {
  if (document.hidden) {
    breakOff();
  }
});
refresh();
