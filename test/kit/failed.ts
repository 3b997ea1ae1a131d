/** What is thrown, as tests expect it. */

/** An error of ours, by its code. @param detail what its text must say */
export const failed = (code: string, detail: RegExp = /./) =>
  expect.objectContaining({ code, message: expect.stringMatching(detail) });
