/**
 * The noise of an ESP32's SAR ADC, switched on for the random register without any radio.
 *
 * ESP-IDF Programming Guide, "Random Number Generation": the register is true random as long as the RF subsystem is on,
 * or "the internal entropy source (SAR ADC) has been enabled"; otherwise its output "should be considered as
 * pseudo-random only". The source is the ADC's noise on an internal reference of 1.1 V, which I2S0 brings to the
 * register: ESP-IDF's bootloader uses it before there is a radio (bootloader_random_enable, of which this is the
 * register table for an ESP32). Addresses and bits: ESP-IDF, components/soc/esp32/include/soc (rtc_cntl_reg.h,
 * sens_reg.h, syscon_reg.h, i2s_reg.h, dport_reg.h).
 *
 * ADC, I2S0 and WiFi must not be in use meanwhile; nothing of ours uses them, and `stands` looks whether all registers
 * still are as they were set. Other chips need registers behind an internal bus that a program cannot reach safely.
 * Lies in Storage's 'entropy.js' (entropy.ts), loaded for each draw.
 */

/** `peek32` and `poke32`. */
export interface Registers {
  peek32(address: number): number;
  poke32(address: number, value: number): void;
}

/** The source. */
export interface SarAdc {
  on(): void;
  /** Whether every register is as `on` set it. */
  stands(): boolean;
  off(): void;
}

const RTC_CNTL_TEST_MUX = 0x3ff480a8;
const SENS_SAR_READ_CTRL = 0x3ff48800;
const SENS_SAR_MEAS_WAIT2 = 0x3ff4880c;
const SENS_SAR_START_FORCE = 0x3ff4882c;
const SENS_SAR_READ_CTRL2 = 0x3ff48890;
const SYSCON_SARADC_CTRL = 0x3ff66010;
const SYSCON_SARADC_FSM = 0x3ff66018;
/** SYSCON_SARADC_SAR2_PATT_TAB1 to 4. */
const SYSCON_SARADC_SAR2_PATT_TAB = 0x3ff6602c;
const I2S0_CONF = 0x3ff4f008;
const I2S0_CONF2 = 0x3ff4f0a8;
const I2S0_SAMPLE_RATE_CONF = 0x3ff4f0b0;
const DPORT_PERIP_CLK_EN = 0x3ff000c0;
const DPORT_PERIP_RST_EN = 0x3ff000c4;
const DPORT_WIFI_CLK_EN = 0x3ff000cc;

/** I2S_RX_RESET of I2S0_CONF, and the bit of I2S0 in DPORT_PERIP_CLK_EN and DPORT_PERIP_RST_EN. */
const I2S_RX_RESET = 0x2;
const DPORT_I2S0 = 0x10;

/** Behind DPORT's registers. */
const DPORT_END = 0x3ff01000;

/** Most reads of a register until two in a row agree. */
const READS_MAX = 16;

/** Names each register in turn, with the bits that make the source, and what they are then. */
function eachRegister(row: (address: number, mask: number, value: number) => void): void {
  // WIFI_CLK_RNG_EN: always on, and only looked at.
  row(DPORT_WIFI_CLK_EN, 0x8000, 0x8000);
  // DTEST_RTC = 2, ENT_RTC: the reference reaches the ADC.
  row(RTC_CNTL_TEST_MUX, 0xe0000000, 0xa0000000);
  // SAR2_EN_TEST; ULP_CP_FORCE_START_TOP and ULP_CP_START_TOP off.
  row(SENS_SAR_START_FORCE, 0x310, 0x10);
  row(DPORT_PERIP_CLK_EN, DPORT_I2S0, DPORT_I2S0);
  row(DPORT_PERIP_RST_EN, DPORT_I2S0, 0);
  // In each of 16 steps the test input, 12 bits, 3 dB.
  for (let i = 0; i < 16; i += 4) row(SYSCON_SARADC_SAR2_PATT_TAB + i, 0xffffffff, 0xadadadad);
  // FORCE_XPD_SAR = 3: powered.
  row(SENS_SAR_MEAS_WAIT2, 0xc0000, 0xc0000);
  // SAR1_DIG_FORCE, SAR2_DIG_FORCE.
  row(SENS_SAR_READ_CTRL, 0x8000000, 0x8000000);
  row(SENS_SAR_READ_CTRL2, 0x10000000, 0x10000000);
  // SAR2_MUX, SAR_CLK_DIV = 4, WORK_MODE = 0, SAR_SEL; DATA_SAR_SEL off.
  row(SYSCON_SARADC_CTRL, 0x2007fbc, 0x224);
  // RSTB_WAIT = 8, START_WAIT = 10.
  row(SYSCON_SARADC_FSM, 0xff00ff, 0xa0008);
  // RX_BCK_DIV_NUM = 20.
  row(I2S0_SAMPLE_RATE_CONF, 0xfc0, 0x500);
  // DATA_TO_I2S.
  row(SYSCON_SARADC_CTRL, 0x4000000, 0x4000000);
  // LCD_EN, DATA_ENABLE, DATA_ENABLE_TEST_EN; CAMERA_EN off.
  row(I2S0_CONF2, 0x39, 0x38);
  // RX_START.
  row(I2S0_CONF, 0x20, 0x20);
}

/** The source over the chip's registers. */
export function createSarAdc(registers: Registers): SarAdc {
  /** A DPORT register may be misread while the other core is at a peripheral (ESP32 errata): two reads must agree. */
  function steady(address: number): number {
    let value = registers.peek32(address);
    for (let reads = 1; reads < READS_MAX; reads++) {
      const again = registers.peek32(address);
      if (again === value) return value;
      value = again;
    }
    throw new Error('entropy: a register does not stand still');
  }

  function set(address: number, mask: number, value: number): void {
    const now = address < DPORT_END ? steady(address) : registers.peek32(address);
    if ((now ^ value) & mask) registers.poke32(address, ((now & ~mask) | value) >>> 0);
  }

  return {
    on: function () {
      eachRegister(set);
    },
    stands: function () {
      let wrong = 0;
      eachRegister(function (address, mask, value) {
        wrong |= (registers.peek32(address) ^ value) & mask;
      });
      return wrong === 0;
    },
    off: function () {
      set(I2S0_CONF, 0x20, 0);
      set(I2S0_CONF, I2S_RX_RESET, I2S_RX_RESET);
      set(I2S0_CONF, I2S_RX_RESET, 0);
      set(I2S0_CONF2, 0x39, 0);
      set(SENS_SAR_READ_CTRL, 0x8000000, 0);
      set(SENS_SAR_READ_CTRL2, 0x10000000, 0);
      set(SENS_SAR_START_FORCE, 0x10, 0);
      // SAR2_MUX, SAR_SEL, DATA_TO_I2S.
      set(SYSCON_SARADC_CTRL, 0x4000024, 0);
      set(SENS_SAR_MEAS_WAIT2, 0xc0000, 0);
      set(SYSCON_SARADC_FSM, 0xff0000, 0x80000);
      // Its registers are then as after a reset of the chip.
      set(DPORT_PERIP_RST_EN, DPORT_I2S0, DPORT_I2S0);
      set(DPORT_PERIP_CLK_EN, DPORT_I2S0, 0);
      set(RTC_CNTL_TEST_MUX, 0xe0000000, 0);
    },
  };
}
