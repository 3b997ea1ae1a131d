/** A pty without native modules: `script` holds one, its stdin and stdout are the other end. */
import { spawn, type ChildProcess } from 'node:child_process';

export interface Pty {
  path: string;
  write(bytes: Uint8Array): void;
  onData: ((bytes: Uint8Array) => void) | null;
  /** Takes the pty away, as when a board is unplugged. */
  close(): Promise<void>;
}

export async function openPty(): Promise<Pty> {
  const child: ChildProcess = spawn('script', ['-qfc', 'stty raw -echo; tty; exec sleep 100000', '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const path = await new Promise<string>((resolve, reject) => {
    let text = '';
    child.once('error', reject);
    const read = (chunk: Buffer): void => {
      text += chunk.toString('latin1');
      const found = /(\/dev\/\S+)\r?\n/.exec(text);
      if (!found) return;
      child.stdout!.off('data', read);
      resolve(found[1] as string);
    };
    child.stdout!.on('data', read);
  });
  const pty: Pty = {
    path,
    onData: null,
    write: (bytes) => void child.stdin!.write(bytes),
    async close() {
      child.kill('SIGKILL');
      await exited;
    },
  };
  child.stdout!.on('data', (chunk: Buffer) => pty.onData?.(new Uint8Array(chunk)));
  return pty;
}
