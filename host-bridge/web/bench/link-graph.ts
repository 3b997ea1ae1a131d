/** Who can link what, as a small graph for each scheme: docs/schemes.md has the reasons, tapcash linkage the proof. */
import { html, nothing, svg, type TemplateResult } from 'lit';
import { schemeOf, SCHEMES, type Scheme } from '../../../firmware/core/scheme.js';

/** Who can tell which name is behind a pseudonym, from its own books. */
function namesKnownBy({ registration, issue, traceBy, licenseFrom }: Scheme): string {
  if (registration !== 'open') return 'bank + issuer together';
  return issue === 'direct' ? `${licenseFrom}, ${traceBy}` : licenseFrom;
}

/** Who sees which pseudonym pays where. */
const paymentsSeenBy = ({ accountsAt }: Scheme): string => (accountsAt === 'issuer' ? 'issuer' : 'bank, issuer');

/** One scheme's graph: a name, its pseudonyms, a shop; and who can follow each line. */
function linkGraph(number: number): TemplateResult {
  const row = schemeOf(number);
  const names = namesKnownBy(row);
  const seen = paymentsSeenBy(row);
  const isHidden = row.registration !== 'open';
  const ys = row.pseudonymsMax > 1 ? [34, 50, 66] : [50];
  const lines = (x1: number, x2: number, fan: 'from' | 'to', kind: string) =>
    ys.map(
      (y) =>
        svg`<line class=${kind} x1=${x1} x2=${x2} y1=${fan === 'from' ? 50 : y} y2=${fan === 'from' ? y : 50}></line>`,
    );
  return html`<svg
    class="links"
    viewBox="0 0 240 100"
    role="img"
    aria-label=${`Scheme ${number}: name and pseudonym are linked by ${names}; payments are seen by ${seen}`}
  >
    ${lines(34, 120, 'from', isHidden ? 'hidden' : 'known')} ${lines(120, 206, 'to', 'known')}
    ${svg`<circle cx="26" cy="50" r="9"></circle><rect x="206" y="41" width="18" height="18"></rect>`}
    ${ys.map((y) => svg`<circle class="pseudonym" cx="120" cy=${y} r="6"></circle>`)}
    ${svg`<text x="26" y="80">name</text><text x="120" y="90">pseudonym${ys.length > 1 ? 's' : ''}</text><text x="214" y="80">shop</text>`}
    ${svg`<text class="who" x="74" y="16">${names}</text><text class="who" x="170" y="30">${seen}</text>`}
  </svg>`;
}

/** A chooser of schemes. @param choose starts the bench anew */
export function schemeChooser(now: number, isBusy: boolean, choose: (scheme: number) => void): TemplateResult {
  return html`<div class="schemes">
    ${SCHEMES.map(
      ({ number }) =>
        html`<button aria-pressed=${number === now} ?disabled=${isBusy} @click=${() => choose(number)}>
          <b>Scheme ${number}${number === now ? ', now' : nothing}</b> ${linkGraph(number)}
        </button>`,
    )}
  </div>`;
}
