/**
 * The connection of EspruinoTools (npm "espruino", core/serial.js), as far as it is in use: it evaluates expressions on
 * a board and sends files in packets that the board acknowledges. Whoever has it loaded gives it
 * (node/espruino-tools.ts).
 */

/** The part of EspruinoTools' `Connection` in use. */
export interface EspruinoConnection {
  /** Bytes in one write; a longer text goes out in several. */
  chunkSize: number;
  parsePackets: boolean;
  /** Told what comes that is not a packet. */
  cb: ((text: string) => void) | undefined;
  writeLowLevel: (text: string) => Promise<void>;
  closeLowLevel: () => void;
  openHandler(): void;
  closeHandler(): void;
  rxDataHandler(data: ArrayBuffer): void;
  write(text: string): Promise<void>;
  /** Rejects with a text. */
  espruinoEval(expression: string, options: { timeout: number }): Promise<unknown>;
  /** Sends a packet, and waits for its acknowledgement, for 5 s unless told; rejects with a text. */
  espruinoSendPacket(type: string, data: string, options?: { timeout?: number; noACK?: boolean }): Promise<void>;
  /** Rejects with a text; a file that Storage did not take is acknowledged all the same. */
  espruinoSendFile(
    name: string,
    data: string,
    options: { chunkSize: number; progress(done: number, total: number): void },
  ): Promise<void>;
}
