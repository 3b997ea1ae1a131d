/** What the page knows, from events alone; bounded, however many come. */
import type { ApduEvent, BenchEvent, BoardEvent, NoteEvent, SceneEvent, StateEvent, TapEvent } from './bench-events.js';

/** Messages and marks of the tap that is under way, or was last. */
export interface Conversation {
  token: string;
  /** What it was for; null: no charge was there. */
  charge: string | null;
  apdus: ApduEvent[];
  marks: TapEvent[];
  /** Bytes on the air so far. */
  bytes: number;
}

const APDUS_MAX = 60;
const MARKS_MAX = 80;
const NOTES_MAX = 5;

/** All that is shown. */
export class BenchModel {
  scene: SceneEvent | null = null;
  state: StateEvent | null = null;
  boards = new Map<string, BoardEvent>();
  tap: Conversation | null = null;
  /** Length of the last conversation that went through, with its messages' ends: what a slider can cut. */
  whole: Conversation | null = null;
  notes: NoteEvent[] = [];
  /** Code of the last tap's result; '' while there is none. */
  result = '';

  take(event: BenchEvent): void {
    if (event.type === 'scene') this.takeScene(event);
    else if (event.type === 'state') this.state = event;
    else if (event.type === 'board') this.boards.set(event.board, event);
    else if (event.type === 'note') this.notes = [event, ...this.notes].slice(0, NOTES_MAX);
    else if (event.type === 'apdu') this.takeApdu(event);
    else this.takeMark(event);
  }

  /** Of another shop nothing of the one before is shown. */
  private takeScene(event: SceneEvent): void {
    if (this.scene && this.scene.run !== event.run)
      Object.assign(this, { state: null, boards: new Map(), tap: null, whole: null, notes: [], result: '' });
    this.scene = event;
  }

  private takeApdu(event: ApduEvent): void {
    if (!this.tap) return;
    this.tap.apdus = [...this.tap.apdus, event].slice(-APDUS_MAX);
    this.tap.bytes = Math.max(this.tap.bytes, event.to);
    // After ACK is answered nothing is missing.
    if (!event.toCard && this.result === 'OK') this.whole = this.tap;
  }

  private takeMark(event: TapEvent): void {
    if (event.what === 'began') {
      this.tap = { token: event.who, charge: this.state?.charge?.id ?? null, apdus: [], marks: [], bytes: 0 };
      this.result = '';
    }
    if (!this.tap) return;
    this.tap.marks = [...this.tap.marks, event].slice(-MARKS_MAX);
    this.tap.bytes = Math.max(this.tap.bytes, event.at);
    if (event.what === 'result') this.result = event.code;
  }

  /** What went wrong in this tap; null: nothing did. */
  fault(): TapEvent | null {
    return this.tap?.marks.find(({ what }) => what === 'torn' || what === 'power') ?? null;
  }
}
