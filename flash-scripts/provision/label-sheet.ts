/** A sheet of labels: pages of A4 as HTML, which any browser prints in true size. */

/** ID-1 cards, 85.6 mm x 54 mm, on A4 with its margins: two beside each other, five below. */
const A_PAGE = 10;

/** @param labels each as SVG (label.ts) @returns HTML */
export function labelSheet(labels: string[]): string {
  const pages: string[] = [];
  for (let at = 0; at < labels.length; at += A_PAGE)
    pages.push(`<section>\n${labels.slice(at, at + A_PAGE).join('')}</section>`);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${labels.length} labels</title>
<style>
@page { size: A4; margin: 10mm }
body { margin: 0 }
section { display: flex; flex-wrap: wrap; gap: 1mm; align-content: flex-start; break-after: page }
svg { break-inside: avoid; outline: 0.1mm solid #ccc }
</style>
${pages.join('\n')}
</html>
`;
}
