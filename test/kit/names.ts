/** Names that real people and shops have. */
export const NAMES = [
  'Müller',
  'Café Roma',
  "O'Brien",
  'Łukasz',
  'Nguyễn Văn',
  '小林',
  'Δημήτρης',
  'Søren',
  'Zoë',
  "D'Angelo",
  'Ñandú',
  'İpek',
  'Ærø Bar',
  'Straße 7',
  'Jean-Luc',
  'Ünal & Söhne',
];
