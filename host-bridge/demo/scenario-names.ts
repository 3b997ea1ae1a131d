/** The demo's scenarios by name, in the order of `--all`, and what happens in each. */
export const SCENARIO_TEXTS = {
  pay: 'three payments, one with the button',
  enter: 'amounts entered on the token: cash, an open amount, a tip',
  overspend: 'a cloned token spends twice',
  refund: 'a payment is given back in parts, and cash unloaded',
  torn: 'the radio is cut in the middle of taps; a customer walks away',
  outage: 'the services are down during taps',
  renew: 'a license ends, and is renewed',
  rotate: 'every house gets another key',
  wallet: 'a wallet on a PC pays at a reader, and over a line',
};

export type ScenarioName = keyof typeof SCENARIO_TEXTS;
