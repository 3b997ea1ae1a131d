/** Types of the font's package, which has none: columns of dots by the place of a letter. */
declare module 'oled-font-5x7' {
  const font: { fontData: number[]; lookup: string[] };
  export default font;
}
