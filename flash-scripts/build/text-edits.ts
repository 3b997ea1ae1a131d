/**
 * Edits of one text by places of the original, so that places stay true while it changes.
 *
 * What hoisting needs and no more: a range is replaced as a whole, and the edited text of a range can be read to be put
 * elsewhere. (magic-string does this and much else; its versions of today cannot be loaded by jest.)
 */

interface Edit {
  start: number;
  end: number;
  text: string;
}

export class TextEdits {
  private edits: Edit[] = [];

  constructor(private readonly source: string) {}

  /** Replaces a range, and with it every edit inside. Ranges may lie in one another, not overlap otherwise. */
  replace(start: number, end: number, text: string): void {
    this.edits = this.edits.filter((edit) => edit.start < start || edit.end > end);
    this.edits.push({ start, end, text });
  }

  /** Inserts before the character at a place; a later insertion there stands behind an earlier one. */
  insert(at: number, text: string): void {
    this.edits.push({ start: at, end: at, text });
  }

  /** A range as it reads now. Insertions at its very ends belong to the text around it. */
  slice(start: number, end: number): string {
    return this.render(
      start,
      end,
      this.edits.filter(
        (edit) =>
          edit.start >= start &&
          edit.end <= end &&
          !(edit.start === edit.end && (edit.start === start || edit.end === end)),
      ),
    );
  }

  toString(): string {
    return this.render(0, this.source.length, this.edits);
  }

  private render(start: number, end: number, edits: Edit[]): string {
    // Stable: what was inserted at a place stands before what replaces the text from there on.
    const ordered = [...edits].sort((a, b) => a.start - b.start || a.end - b.end);
    let out = '';
    let at = start;
    for (const edit of ordered) {
      if (edit.start < at) continue;
      out += this.source.slice(at, edit.start) + edit.text;
      at = edit.end;
    }
    return out + this.source.slice(at, end);
  }
}
