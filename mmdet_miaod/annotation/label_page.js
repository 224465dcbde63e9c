// The label page. The boxes are drawn, moved and deleted by a widget of Jupyter (widget.js), for which this page plays
// Jupyter's part: it gives the widget a model, and saves what the widget puts into it.
import widget from './widget.js'

const {classes, run, images} = await (await fetch('images.json')).json()
// Those of the report's plots.
const colors = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#b8860b', '#6a3d9a', '#5a5a5a', '#7a4a2b']
const stage = document.querySelector('#stage')
const history = []  // what undo brings back: an image and what was said about it before
let current = 0, zoom = 1, unmount = () => {}, model, lastClass = classes[0], lastMoment = Date.now()

// What the widget needs of Jupyter: https://anywidget.dev/en/afm
class Model {
  constructor(state) { this.state = state; this.listeners = {} }
  get(key) { return this.state[key] }
  set(key, value) {
    if (key === 'label' && model === this) relabel(value)
    this.state[key] = value
    for (const listener of this.listeners[`change:${key}`] ?? []) listener()
  }
  on(name, listener) { (this.listeners[name] ??= []).push(listener) }
  off() {}
  send() {}
  save_changes() {}
}

const toWidget = ({name, corners: [x1, y1, x2, y2], ignored}) =>
  ({x: x1, y: y1, width: x2 - x1, height: y2 - y1, label: name, ignored})
const round = value => Math.round(value * 100) / 100

function fromWidget(box) {
  const {width, height} = images[current]
  const [x1, x2] = [box.x, box.x + box.width].map(x => round(Math.min(Math.max(x, 0), width)))
  const [y1, y2] = [box.y, box.y + box.height].map(y => round(Math.min(Math.max(y, 0), height)))
  return {name: box.label, corners: [x1, y1, x2, y2], ignored: Boolean(box.ignored)}
}

const hasArea = ({corners: [x1, y1, x2, y2]}) => x2 - x1 >= 1 && y2 - y1 >= 1
const snapshot = ({state, boxes, begun}) => structuredClone({state, boxes, begun})
const same = (a, b) => JSON.stringify(a) === JSON.stringify(b)

function show(number) {
  unmount()
  model = undefined
  current = number
  const image = images[number]
  if (!image.begun) image.boxes = structuredClone(image.proposed)
  stage.style.setProperty('--ratio', image.width / image.height)
  const started = new Model({
    image_url: `images/${image.uid}`, classes, colors, bboxes: image.boxes.map(toWidget), selected_index: -1,
    hide_buttons: true,
  })
  unmount = widget.render({model: started, el: stage})
  model = started
  model.set('label', lastClass)
  stage.querySelector('img').addEventListener('error', () => say('The image cannot be shown: is its file still what it was?', true))
  focus()
  count()
  const proposed = image.proposed.length
  say(image.begun ? '' : proposed ? `${proposed} ${proposed > 1 ? 'boxes are' : 'box is'} proposed: correct them, then press Done.` : '')
}

const focus = () => stage.querySelector('.wrapper')?.focus({preventScroll: true})

function say(text, problem = false) {
  const place = document.querySelector('#message')
  place.textContent = text
  place.classList.toggle('problem', problem)
}

function count() {
  const image = images[current]
  const number = state => images.filter(other => other.state === state).length
  const [done, skipped, left] = ['reviewed', 'skipped', 'untouched'].map(number)
  const purpose = image.purpose === 'test' ? 'test set' : 'training'
  const state = {reviewed: image.boxes.length ? 'done' : 'done, nothing here', skipped: 'skipped', untouched: 'not decided'}
  document.querySelector('#title').textContent = `${run}, batch ${image.batch} (${purpose})`
  document.querySelector('#counter').textContent =
    `Image ${current + 1} of ${images.length}: ${state[image.state]}. All: ${done} done, ${skipped} skipped, ${left} to do.`
  Object.assign(document.querySelector('#progress'), {value: done + skipped, max: images.length})
  document.title = `${left} to do: ${run}`
}

// Take over what the widget has, if it changed.
function commit() {
  if (!model) return
  const image = images[current]
  const drawn = model.get('bboxes').map(fromWidget)
  const boxes = drawn.filter(hasArea)  // a click alone draws a box without area
  if (boxes.length < drawn.length) {
    model.set('selected_index', -1)
    model.set('bboxes', boxes.map(toWidget))
  }
  if (same(boxes, image.boxes.map(toWidget).map(fromWidget))) return
  const kept = image.state === 'reviewed' && boxes.length  // that nothing is there is said on purpose, by a key
  change({boxes, state: kept ? 'reviewed' : 'untouched'})
  say(image.state === 'untouched' && !boxes.length ? 'No box is left: press N if nothing is here.' : '')
}

function change(what) {
  const image = images[current]
  history.push({number: current, before: snapshot(image)})
  Object.assign(image, what, {begun: true})
  count()
  save(image)
}

function decide(state, boxes = images[current].boxes) {
  change({state, boxes})
  const order = [...images.keys()].map(step => (current + 1 + step) % images.length)
  const next = order.find(number => images[number].state === 'untouched')
  show(next ?? current)
  if (next === undefined) say('All images are decided. Press Finish, or go back and look again.')
}

function relabel(name) {
  lastClass = name
  const selected = model.get('selected_index')
  const boxes = model.get('bboxes')
  if (!boxes[selected] || boxes[selected].label === name) return
  model.set('bboxes', boxes.map((box, number) => number === selected ? {...box, label: name} : box))
  commit()
}

const actions = {
  done() {
    if (images[current].boxes.length) decide('reviewed')
    else say('There is no box: press N if nothing is here, X if it cannot be labeled.', true)
  },
  nothing: () => decide('reviewed', []),
  skip: () => decide('skipped'),
  undo() {
    const last = history.pop()
    if (!last) return say('There is nothing to undo.')
    const image = Object.assign(images[last.number], last.before)
    show(last.number)
    // What was not begun becomes a draft without boxes or with the proposed ones: it is not decided all the same.
    save(image)
    say('Undone.')
  },
  erase() {
    const selected = model.get('selected_index')
    if (selected < 0) return say('Select a box first.')
    model.set('selected_index', -1)
    model.set('bboxes', model.get('bboxes').filter((_, number) => number !== selected))
    commit()
  },
  previous: () => show((current + images.length - 1) % images.length),
  next: () => show((current + 1) % images.length),
  smaller: () => stage.style.setProperty('--zoom', zoom = Math.max(zoom / 1.4, 1)),
  larger: () => stage.style.setProperty('--zoom', zoom = Math.min(zoom * 1.4, 12)),
  async finish() {
    const left = images.filter(image => image.state === 'untouched').length
    if (left && !confirm(`${left} images are not decided yet. Finish all the same? You can go on later.`)) return
    await sent()
    await fetch('finish', {method: 'POST'})
    model = undefined
    document.body.textContent = 'Saved. The terminal says how to go on; this page can be closed.'
  },
}

// Each image's newest state is sent; one request at a time, and again until it is saved.
const waiting = new Map()
let sending

function save(image) {
  image.seconds += Math.min((Date.now() - lastMoment) / 1000, 60)  // a longer pause is no work
  lastMoment = Date.now()
  waiting.set(image.uid, JSON.stringify({uid: image.uid, state: image.state, boxes: image.boxes, seconds: round(image.seconds)}))
  sending ??= send()
}

const tell = text => { document.querySelector('#saved').textContent = text }

async function send() {
  tell('Saving…')
  while (waiting.size) {
    const [uid, body] = waiting.entries().next().value
    try {
      // A page that is being closed still sends what is small enough.
      const answer = await fetch('labels', {method: 'POST', body, keepalive: body.length < 60000})
      if (answer.status === 400) say(`Not saved: ${await answer.text()}`, true)
      else if (!answer.ok) throw new Error(await answer.text())
      if (waiting.get(uid) === body) waiting.delete(uid)
    } catch (error) {
      say(`Not saved: ${error.message}. Is the command still running? Trying again.`, true)
      await new Promise(resolve => setTimeout(resolve, 1000))
    }
  }
  sending = undefined
  tell('All changes are saved.')
}

const sent = async () => { await sending }

const keys = {
  enter: 'done', n: 'nothing', x: 'skip', z: 'undo', delete: 'erase', backspace: 'erase', '-': 'smaller', '+': 'larger',
  '=': 'larger', ',': 'previous', '.': 'next', arrowleft: 'previous', arrowright: 'next',
}

addEventListener('keydown', event => {
  const key = event.key.toLowerCase()
  const onButton = event.target.closest('button, summary') && ['enter', ' '].includes(key)
  const withCtrl = event.ctrlKey || event.metaKey
  // The browser's own keys stay the browser's; the widget would take them.
  if (!model || onButton || event.altKey || (withCtrl && key !== 'z')) return event.stopPropagation()
  if (key === 'escape' && model.get('selected_index') >= 0) model.set('selected_index', -1)
  else if (keys[key]) event.repeat || actions[keys[key]]()
  else return
  event.preventDefault()
  event.stopPropagation()
}, true)
addEventListener('keyup', commit)

document.querySelector('.buttons').addEventListener('click', event => {
  const action = event.target.closest('button')?.dataset.action
  if (!action || !model) return
  commit()
  actions[action]()
  focus()
})

// The widget knows the mouse alone, and only over the image: fingers, and drags that leave the image, are passed on.
let dragging = false
const pass = (type, {clientX, clientY}, target) =>
  target.dispatchEvent(new MouseEvent(type, {clientX, clientY, button: 0, bubbles: true, cancelable: true}))
const isPassed = event => event.pointerType !== 'mouse' || !event.target.closest?.('#stage svg')

stage.addEventListener('pointerdown', event => {
  if (!event.target.closest('svg') || !event.isPrimary || event.button) return
  dragging = true
  if (event.pointerType !== 'mouse') {
    event.preventDefault()
    event.target.releasePointerCapture(event.pointerId)
    pass('mousedown', event, event.target)
  }
})
addEventListener('pointermove', event => {
  if (dragging && isPassed(event)) pass('mousemove', event, stage.querySelector('svg'))
})
addEventListener('pointerup', event => {
  if (!dragging) return
  dragging = false
  if (isPassed(event)) pass('mouseup', event, stage.querySelector('svg'))
  setTimeout(commit)  // when the widget is through with it
})
addEventListener('beforeunload', event => { if (waiting.size) event.preventDefault() })
for (const name of ['pointerdown', 'keydown']) {
  addEventListener(name, () => {
    images[current].seconds += Math.min((Date.now() - lastMoment) / 1000, 60)
    lastMoment = Date.now()
  }, true)
}

stage.style.setProperty('--zoom', zoom)
show(Math.max(images.findIndex(image => image.state === 'untouched'), 0))
