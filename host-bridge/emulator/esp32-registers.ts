/**
 * Registers of an emulated ESP32 that a program can look at and change: the random one, and those by which the noise of
 * the SAR ADC reaches it.
 *
 * Source: ESP32 Technical Reference Manual, "Random Number Generator" and "On-Chip Sensors and Analog Signal
 * Processing"; bits from ESP-IDF's components/soc/esp32/include/soc. Written apart from the firmware's table
 * (firmware/board/sar-adc.ts): each condition is one of the hardware's. Any other register is a fault, as it would be
 * an unnoticed mistake on a chip.
 */
import type { Cycle } from './espruino-cycle.js';
import { createBits } from './flash.js';

/** When noise reached the random register: on the scheduler's clock, with no end while it does. */
export interface Noise {
  fromMs: number;
  toMs: number | null;
}

export interface RegisterOptions {
  cycle: Cycle;
  /** Fresh random bytes; not shared with another board. */
  entropy: (count: number) => Uint8Array;
  isRadioOn(): boolean;
  /** Noise that the ADC made, with its times. */
  noise: Noise[];
  nowMs(): number;
}

/** Random number registers of ESP32, ESP32-C3 and ESP32-S3. */
const RANDOM_REGISTERS = [0x3ff75144, 0x600260b0, 0x6003507c];

/** RTC_FAST_CLK, from which the DAC's wave generator steps. */
const RTC_FAST_HZ = 8_500_000;

const bit = (number: number): number => 2 ** number;

/** By address: its value after a reset. */
const RESET: Record<string, [address: number, value: number]> = {
  perip_clk_en: [0x3ff000c0, 0xf9c1e06f],
  perip_rst_en: [0x3ff000c4, bit(4)],
  wifi_clk_en: [0x3ff000cc, 0xfffce030],
  test_mux: [0x3ff480a8, 0],
  sar_read_ctrl: [0x3ff48800, 0x00070902],
  sar_meas_wait2: [0x3ff4880c, 0x0020000a],
  sar_start_force: [0x3ff4882c, 0x0f],
  sar_read_ctrl2: [0x3ff48890, 0x00070902],
  saradc_ctrl: [0x3ff66010, 0x007f8240],
  saradc_fsm: [0x3ff66018, 0x0208ff08],
  patt_tab1: [0x3ff6602c, 0x0f0f0f0f],
  patt_tab2: [0x3ff66030, 0x0f0f0f0f],
  patt_tab3: [0x3ff66034, 0x0f0f0f0f],
  patt_tab4: [0x3ff66038, 0x0f0f0f0f],
  sar_dac_ctrl1: [0x3ff48898, 0],
  sar_dac_ctrl2: [0x3ff4889c, bit(24) + bit(25)],
  i2s_conf: [0x3ff4f008, 0x00030300],
  i2s_conf2: [0x3ff4f0a8, 0],
  i2s_sample_rate: [0x3ff4f0b0, 0x00410186],
};

/** Registers as after a reset, and their fields by name, lowest bit and count of bits. */
function createValues() {
  const values = new Map(Object.values(RESET));
  const valueOf = (name: string): number => values.get(RESET[name]![0])!;
  const field = (name: string, low: number, bits = 1): number => Math.floor(valueOf(name) / bit(low)) % bit(bits);
  const clear = (name: string, low: number): void =>
    void values.set(RESET[name]![0], valueOf(name) - field(name, low) * bit(low));
  return { values, field, clear };
}

/** `peek32` and `poke32` of one power cycle. */
export function createRegisters(options: RegisterOptions): {
  peek32(address: number): number;
  poke32(address: number, value: number): void;
  /** dac_out_voltage of ESP-IDF: a unit gives a voltage, and no wave. */
  stopWave(unit: number): void;
  /** Hertz of the wave that a unit of the DAC gives; 0 for none. */
  waveHz(unit: number): number;
  end(): void;
} {
  const { cycle, entropy, noise } = options;
  const { values, field, clear } = createValues();
  // Without noise the register only counts on in a fixed way, which looks random enough to a health test.
  const weak = createBits(7);

  /** The ADC samples its reference, and I2S0 brings what it finds. */
  function isFed(): boolean {
    const i2s = field('perip_clk_en', 4) === 1 && field('perip_rst_en', 4) === 0;
    const reference = field('test_mux', 29) === 1 && field('test_mux', 30, 2) === 2;
    const pattern = [1, 2, 3, 4].every((n) => field(`patt_tab${n}`, 0, 32) === 0xadadadad);
    const input = field('sar_start_force', 4) === 1 && field('sar_start_force', 8, 2) === 0;
    const power = field('sar_meas_wait2', 18, 2) === 3;
    const digital = field('sar_read_ctrl2', 28) === 1 && field('saradc_ctrl', 2) === 1;
    const single = field('saradc_ctrl', 3, 2) === 0 && field('saradc_ctrl', 5) === 1 && field('saradc_ctrl', 25) === 0;
    const sampling = field('i2s_conf', 5) === 1 && field('i2s_conf', 1) === 0 && field('i2s_conf2', 0, 6) === 0x38;
    const joined = field('saradc_ctrl', 26) === 1 && field('wifi_clk_en', 15) === 1;
    return i2s && reference && pattern && input && power && digital && single && sampling && joined;
  }

  const open = (): Noise | null => {
    const last = noise[noise.length - 1];
    return last && last.toMs === null ? last : null;
  };
  function end(): void {
    const last = open();
    if (last) last.toMs = options.nowMs();
  }

  return {
    peek32(address) {
      if (!RANDOM_REGISTERS.includes(address)) {
        const value = values.get(address);
        return value ?? cycle.fault(`peek32: no register at 0x${Number(address).toString(16)}`);
      }
      // Chips but the first have other registers for their ADC.
      if (!options.isRadioOn() && !(address === RANDOM_REGISTERS[0] && isFed())) return weak();
      const bytes = entropy(4);
      return ((bytes[0] << 24) | (bytes[1] << 16) | (bytes[2] << 8) | bytes[3]) >>> 0;
    },
    poke32(address, value) {
      if (!values.has(address)) cycle.fault(`poke32: no register at 0x${Number(address).toString(16)}`);
      values.set(address, value >>> 0);
      if (!isFed()) end();
      else if (!open()) noise.push({ fromMs: options.nowMs(), toMs: null });
    },
    stopWave(unit) {
      clear('sar_dac_ctrl1', 16);
      clear('sar_dac_ctrl2', 23 + unit);
    },
    waveHz: (unit) =>
      field('sar_dac_ctrl1', 16) === 1 && field('sar_dac_ctrl2', 23 + unit) === 1
        ? (field('sar_dac_ctrl1', 0, 16) * RTC_FAST_HZ) / 65_536
        : 0,
    end,
  };
}
