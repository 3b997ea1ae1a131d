/** A table as a file for spreadsheets (CSV, RFC 4180): amounts as plain numbers with a point, times as ISO 8601. */

/** A cell: in quotes where it needs them; and no formula, whoever chose its text. */
function cell(value: string): string {
  const plain = /^[=+\-@\t\r]/.test(value) && !/^-?[0-9.]+$/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
}

/** The table's text. */
export function tableText(head: string[], rows: string[][]): string {
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

/** An amount for a cell. @param amount minor units */
export const amountCell = (amount: number, decimals: number): string => (amount / 10 ** decimals).toFixed(decimals);

/** Has the browser save a text. */
export function saveText(name: string, text: string, type = 'text/csv'): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}
