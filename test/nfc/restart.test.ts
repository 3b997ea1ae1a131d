/** Both boards lose power at any moment of a tap while their chips keep theirs: new drivers find their way back. */
import { INS_SELECT } from '../../firmware/nfc/iso-dep-client.js';
import type { Wiring } from './nfc-rig.js';
import { await1 } from './nfc-rig.js';
import { AID, createTap } from './apdu-tap.js';

const MESSAGE = Uint8Array.from({ length: 100 }, (_, i) => (i * 5) & 255);

test.each<[Wiring, number]>([
  ['HSU', 0],
  ['HSU', 30],
  ['I2C', 0],
  ['SPI', 0],
])('over %s, the token thinking for %i ms', (wiring, thinkMs) => {
  for (let atMs = 1; atMs < 260; atMs += 3) {
    const t = createTap({ wiring, thinkMs });
    t.card.start();
    t.reader.init(() => {
      t.field.present(t.user.chip.card);
      t.reader.findCard((found) => {
        if (!found.ok) return;
        t.client.command(0x00, INS_SELECT, 0x04, 0x00, AID, (selected) => {
          if (selected.ok) t.client.command(0x80, 2, 0, 0, MESSAGE, () => undefined);
        });
      }, 1000);
    });
    t.scheduler.advance(atMs);
    t.power.on = false;
    const again = createTap({ wiring, before: t });
    again.card.start();
    expect(await1(again.scheduler, 5000, (done) => again.reader.init(done))).toEqual({ ok: true });
    again.field.present(again.user.chip.card);
    expect(again.tap(MESSAGE)).toEqual({ step: 'done', data: MESSAGE.slice().reverse(), sw: 0x9000 });
    expect(again.log.errors).toEqual([]);
  }
});
