/**
 * A bridge on an emulated cable with a fake terminal at its end, and the real issuer and trustee in process; virtual
 * time.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIssuer } from '../../host-bridge/houses/issuer/issuer.js';
import { createTrustee } from '../../host-bridge/houses/trustee/trustee.js';
import { createVirtualScheduler, type VirtualScheduler } from '../../host-bridge/base/scheduler.js';
import { createSerialLine } from '../../host-bridge/serial/serial-line.js';
import { failure, refusal } from '../../host-bridge/base/errors.js';
import { actOnce } from '../../host-bridge/http/operator-requests.js';
import { openIssuerStore } from '../../host-bridge/ledger/sqlite/sqlite-issuer.js';
import { openTrusteeStore } from '../../host-bridge/ledger/sqlite/sqlite-trustee.js';
import { startBridge, type Bridge, type BridgeEvent, type BridgeOptions } from '../../host-bridge/bridge/bridge.js';
import type { Services } from '../../host-bridge/base/services/calls.js';
import { createEmulatedPort, type BoardPort } from '../../host-bridge/serial/port.js';
import { createFakeTerminal } from './fake-terminal.js';
import { issuerKey, registrarKey, SHOP, TERMINAL_ID, terminalKey } from '../kit/histories.js';
import { run } from '../kit/virtual-time.js';

export const T0 = 1_800_000_000;

/** The services with a switch that cuts them off, before or after they have acted. */
function createServices(nowS: () => number) {
  const identity = { issuerKey: issuerKey.publicKey, registrarKey: registrarKey.publicKey, currency: 'EUR' };
  const store = openIssuerStore(':memory:', identity);
  const issuer = createIssuer({
    store,
    signer: issuerKey,
    registrarKey: registrarKey.publicKey,
    currency: 'EUR',
    clock: nowS,
  });
  const trustee = createTrustee({
    store: openTrusteeStore(':memory:', identity),
    signer: registrarKey,
    issuerKey: issuerKey.publicKey,
    currency: 'EUR',
    clock: nowS,
  });
  const office = issuer.office('test');
  const made = {
    store,
    issuer,
    office,
    /** Called with the procedure's name: 'before' cuts the request, 'after' only the reply. */
    fault: null as ((name: string) => 'before' | 'after' | null) | null,
    calls: [] as string[],
    services: null as unknown as Services,
  };
  function wrap<T extends object>(target: T, prefix: string): T {
    return new Proxy(target, {
      get:
        (object, name) =>
        (...values: unknown[]) => {
          const label = `${prefix}.${String(name)}`;
          made.calls.push(label);
          const fault = made.fault?.(label) ?? null;
          if (fault === 'before') return refusal('SERVICE_DOWN');
          const result = (object as Record<string | symbol, (...given: unknown[]) => unknown>)[name]!(...values);
          return fault === 'after' ? refusal('SERVICE_SILENT') : result;
        },
    });
  }
  // In process there are no request ids; here they are kept as http/operator-requests.ts does, by its own code.
  const officeOf = (id: Uint8Array) =>
    wrap(
      new Proxy(office, {
        get:
          (object, name) =>
          (...values: unknown[]) => {
            const signed = new TextEncoder().encode(`${String(name)} ${JSON.stringify(values.map(String))}`);
            const done = actOnce(
              store,
              { id, operatorKey: new Uint8Array(32), signed, signature: new Uint8Array(64) },
              Math.floor(nowS()),
              () => {
                const result = (object as any)[name](...values);
                return result.certificate ? { ...result, certificate: [...result.certificate] } : result;
              },
            );
            if (!done.ok) return done;
            const reply = done.reply as any;
            return reply.certificate ? { ...reply, certificate: new Uint8Array(reply.certificate) } : reply;
          },
      }),
      'office',
    );
  made.services = { issuer: wrap(issuer, 'issuer'), trustee: wrap(trustee, 'trustee'), office: officeOf };
  return made;
}

/** @param options `scheduler`: another than virtual time */
export async function createRig(options: Partial<BridgeOptions> & { baud?: number } = {}) {
  const scheduler = (options.scheduler ?? createVirtualScheduler()) as VirtualScheduler;
  const isReal = options.scheduler !== undefined;
  const go = <T>(promise: Promise<T>) => (isReal ? promise : run(scheduler, promise));
  const line = createSerialLine(scheduler, options.baud ?? 115200);
  const nowS = () => T0 + scheduler.nowMs() / 1000;
  const made = createServices(nowS);
  made.office.openAccount(SHOP, null);
  made.office.registerTerminal(SHOP, TERMINAL_ID, terminalKey.publicKey);
  const terminal = createFakeTerminal(scheduler, line.b);
  const dataDir = mkdtempSync(join(tmpdir(), 'tapcash-bridge-'));
  const events: BridgeEvent[] = [];
  const rig = {
    ...made,
    scheduler,
    line,
    terminal,
    dataDir,
    events,
    nowS,
    bridge: null as unknown as Bridge,
    port: null as BoardPort | null,
    portMissing: false,
    start,
    stop,
  };
  Object.defineProperty(rig, 'fault', { get: () => made.fault, set: (fault) => (made.fault = fault) });

  async function start(): Promise<Bridge> {
    rig.bridge = await startBridge({
      async port() {
        if (rig.portMissing) throw failure('PORT_MISSING', 'emulated');
        return (rig.port = createEmulatedPort(line.a));
      },
      services: made.services,
      dataDir,
      issuerKey: issuerKey.publicKey,
      registrarKey: registrarKey.publicKey,
      scheduler,
      clock: nowS,
      onEvent: (event) => events.push(event),
      ...options,
    });
    await go(rig.bridge.terminal.waitUp(10_000));
    return rig.bridge;
  }
  async function stop(): Promise<void> {
    await go(rig.bridge.close());
    terminal.off();
  }
  await start();
  return rig;
}

export type Rig = Awaited<ReturnType<typeof createRig>>;
