/** What a server of a page says that went wrong. */

/** A code in words, with what to do: `ErrorBody` of the host. */
export interface Said {
  code: string;
  message: string;
  remedy: string;
}
