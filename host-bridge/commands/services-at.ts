/** The houses of a scheme over HTTP, as a bridge and a wallet call them. */
import type { Scheme } from '../../firmware/core/scheme.js';
import type { AccountsOffice, Remote } from '../base/services/procedures.js';
import type { Services } from '../base/services/calls.js';
import {
  createApprovalCheck,
  createBankClient,
  createBankOfficeClient,
  createFundingCheck,
  createIssuerClient,
  createOfficeCall,
  createTrusteeClient,
  type OfficeOptions,
} from '../http/client.js';

/** Where the houses are, and who acts in their office. */
export interface ServicesAt {
  scheme: Scheme;
  urls: { issuer: string; bank: string | null; trustee: string | null };
  /** A teller's, at who keeps the accounts; null: this desk opens none. */
  office: OfficeOptions | null;
}

/** The clients; a house that the scheme does without is not among them. */
export function servicesAt({ scheme, urls, office }: ServicesAt): Services {
  const atBank = scheme.accountsAt === 'bank';
  const bankUrl = urls.bank ?? '';
  return {
    scheme,
    issuer: createIssuerClient({ url: urls.issuer }),
    ...(atBank ? { bank: createBankClient({ url: bankUrl }) } : {}),
    checkApproval: createApprovalCheck({ url: atBank ? bankUrl : urls.issuer }),
    ...(urls.trustee !== null ? { trustee: createTrusteeClient({ url: urls.trustee }) } : {}),
    ...(office
      ? {
          office: (id: Uint8Array): Remote<AccountsOffice> =>
            atBank ? createBankOfficeClient(office, id) : createOfficeCall(office, id),
          checkFunding: createFundingCheck(office),
        }
      : {}),
  };
}
