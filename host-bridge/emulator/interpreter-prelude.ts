/**
 * What runs in the real interpreter before the bundle: pins, which its Linux build does not have, and power cuts.
 *
 * Runs in Espruino, so it is written in what Espruino has, and defines everything before it is used. It replaces global
 * functions; the bundle after it is unchanged. It speaks to interpreter.ts in lines that begin with character 1.
 */

/** Begins each line that is meant for interpreter.ts. */
export const SIGNAL = '\x01';

/** Where the prelude looks for a line of code to run, in the working directory. */
export const LINE_FILE = 'line.js';

/**
 * Variables that the interpreter shall have from the start. The Linux build begins with 4,096 and asks for more only
 * for single variables: a hash or an array needs some in one piece, and fails while the pool happens to be full. A
 * build whose variables are an ESP32's has a fixed number of them (docs/memory.md).
 */
const VARIABLES = 32767;
const ESP32_VARIABLE_BYTES = 14;

/**
 * Levels of pins that are driven from outside, by number, in the working directory: as it is at a start, it is at
 * power-up.
 */
export const HELD_FILE = 'held.json';

/** Driving a pin to this and the number of another joins it with that one, as a key of a keypad does. */
export const JOINED = 100;

/** Without comments and indents: where a board starts from Storage, the prelude lies there too, and room is scarce. */
const compact = (code: string): string =>
  code
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line && !line.startsWith('//'))
    .join('\n');

/**
 * The prelude.
 * @param mapped whether files read as text are copied to RAM, where they are as fast as in an ESP32's mapped flash;
 *   here each 16 bytes of flash are read from a file, and code evaluated from it is ten times slower
 * @param watch whether to look at the variables in use while the program works; `_most` tells the most since it was
 *   asked last
 * @param cut flash operation to stop at, as `EmulatedFlash.cutAfter` has it; stopping is for ever, until the process
 *   ends
 * @param consolePath pty that the console is moved to, as it is on an ESP32's USB port; none: stdout, and it stays
 *   there
 */
export function interpreterPrelude(
  mapped: boolean,
  watch: boolean,
  cut?: { operations: number; where: string; wordIndex: number },
  consolePath?: string,
): string {
  return compact(`(function () { var a = []; while (process.memory().total < ${VARIABLES} && process.memory().blocksize !== ${ESP32_VARIABLE_BYTES}) for (var i = 0; i < 1000; i++) a.push(i); })();
// Collects garbage: what was just freed is scattered, and every array would be looked for in all of it.
process.memory();
(function (g) {
var fs = require("fs"), held = JSON.parse(fs.readFile("${HELD_FILE}")), out = {}, rest = {0: 1}, watches = {}, next = 1;
// The interpreter's stdout, wherever its console is.
var usb = USB;
function tell(t) { usb.write(t + "\\n"); }
g._tell = tell;
function num(p) { return +("" + p).replace("D", ""); }
function level(n) {
  if (out[n] !== undefined) return out[n];
  if (held[n] >= ${JOINED}) return out[held[n] - ${JOINED}] === 0 ? 0 : rest[n] || 0;
  return held[n] !== undefined ? held[n] : rest[n] || 0;
}
function fire(id, w, state) {
  if (w.state === state) return;
  w.state = state;
  if (w.edge && (w.edge > 0) !== state) return;
  if (!w.repeat) delete watches[id];
  w.callback({state: state, time: getTime(), pin: w.pin});
}
function check(id, w) {
  if (!w.debounce) return fire(id, w, !!level(w.pin));
  if (w.timer !== undefined) clearTimeout(w.timer);
  w.timer = setTimeout(function () { w.timer = undefined; if (watches[id] === w) fire(id, w, !!level(w.pin)); }, w.debounce);
}
function changed(n) {
  for (var id in watches) if (watches[id].pin === n) check(id, watches[id]);
}
function write(p, v) {
  var n = num(p);
  if (out[n] === v) return;
  out[n] = v;
  tell("${SIGNAL}pin " + n + " " + v);
  changed(n);
  for (var k in held) if (held[k] === ${JOINED} + n) changed(+k);
}
g.digitalWrite = function (p, v) { write(p, v ? 1 : 0); };
g.analogWrite = function (p, v) { write(p, v); };
g.digitalRead = function (p) { return level(num(p)) ? 1 : 0; };
g.pinMode = function (p, m) {
  var n = num(p);
  if (m !== "output" && m !== "opendrain") delete out[n];
  // Compared whole: here "abc".indexOf("cd") is 2.
  if (m === "input_pullup" || m === "opendrain_pullup") rest[n] = 1;
  if (m === "input_pulldown") rest[n] = 0;
};
g.setWatch = function (callback, p, o) {
  var edges = {rising: 1, falling: -1, both: 0};
  var n = num(p), id = next++, given = o && typeof o === "object";
  var edge = given && o.edge !== undefined ? (typeof o.edge === "string" ? edges[o.edge] : o.edge) : n === 0 ? 1 : 0;
  var debounce = given && o.debounce !== undefined ? o.debounce : n === 0 ? 25 : 0;
  watches[id] = {callback: callback, pin: n, repeat: given ? !!o.repeat : !!o, edge: edge, debounce: debounce, state: !!level(n)};
  return id;
};
g.clearWatch = function (id) { if (id === undefined) watches = {}; else delete watches[id]; };
g._drive = function (n, v) { if (v < 0) delete held[n]; else held[n] = v; changed(n); };
g._press = function (n, ms, v) {
  g._drive(n, v < 0 ? 1 - (rest[n] || 0) : v);
  setTimeout(function () { g._drive(n, -1); }, ms);
};
${consolePath === undefined ? 'E.setConsole = function () {};' : `Serial1.setup(115200, {path: ${JSON.stringify(consolePath)}}); E.setConsole(Serial1, {force: true}); g.USB = undefined;`}
var most = 0, calls = 0, convolve = E.convolve;
function look() { if (${watch}) most = Math.max(most, process.memory().usage); }
var sum = E.sum;
if (${watch}) {
  // A display takes more than a console, and there is no device for it here.
  g.I2C1 = {setup: function () {}, writeTo: look};
  E.convolve = function (a, b, o) { if (!(calls++ & 63)) look(); return convolve(a, b, o); };
  // Called for each frame of the PN532.
  E.sum = function (a) { look(); return sum(a); };
}
g._most = function () { var m = most; most = 0; return m; };
var F = require("Flash"), old = require, cut = ${JSON.stringify(cut ?? null)};
function stop() { tell("${SIGNAL}cut"); while (1); }
function operate(doIt, tearIt) {
  look();
  if (!cut || cut.operations-- !== 0) return doIt();
  if (cut.where === "after") doIt();
  else if (cut.where !== "before") tearIt();
  stop();
}
var flash = {
  read: function (n, a) { return F.read(n, a); },
  write: function (d, a) {
    operate(function () { F.write(d, a); }, function () { var n = cut.wordIndex * 4; if (n > 0) F.write(d.subarray(0, n), a); });
  },
  erasePage: function (a) { operate(function () { F.erasePage(a); }, function () {}); },
  getPage: function (a) { return F.getPage(a); },
  getFree: function () { return F.getFree(); }
};
g.require = function (m) { return m === "Flash" ? flash : old(m); };
var S = old("Storage"), read = S.read;
if (${mapped}) S.read = function (n, o, l) { var t = read(n, o, l); return t && "" + t; };
g._cut = function (o) { cut = o; };
// A packet has begun when the timer that would give it up is there (src/jsinteractive.c, jsiPacketStart).
function packets() {
  var hidden = g["\\xff"], timer = hidden.PK_TIMEOUT && hidden.timers[hidden.PK_TIMEOUT];
  if (timer && !timer.told) { timer.told = 1; tell("${SIGNAL}packet"); }
}
// Without work every millisecond, Espruino's Linux build looks at its ports only every 50 ms.
setInterval(function () {
  ${consolePath === undefined ? '' : 'packets();'}
  if (!fs.statSync("${LINE_FILE}")) return;
  var code = fs.readFile("${LINE_FILE}");
  fs.unlink("${LINE_FILE}");
  eval(code);
}, 1);
echo(0);
tell("${SIGNAL}ready");
})(global);
`);
}
