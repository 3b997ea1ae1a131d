/** Code in the interpreter's tokens: back again letter for letter, and run by the interpreter as the letters are. */
import { detokenise, tokenise } from '../../flash-scripts/build/tokens.js';
import { interpreterTest, runInEspruino, runInNode } from './fixture-runner.js';

/**
 * Each reserved word of ES5 that firmware can hold, and each operator of several characters, with what can stand
 * beside.
 */
const CODE = [
  'var a=[1,2,3],b={if:1,"in":2},c,d=0;',
  'if(a[0]===1&&a[1]!==1||d==1)d+=1;else if(d!=1)d-=1;else d=9;',
  'for(var i=0;i<=3;i++){if(i>=2)continue;d=d*2+(i<<3>>1>>>0)}',
  'do d--;while(d>0);while(d<5){d++;if(d==3)break}',
  'd*=6;d/=2;d%=7;d&=6;d|=9;d^=5;d<<=2;d>>=1;d>>>=1;',
  'c=function(e){return typeof e};',
  'try{throw"x"}catch(e){d+=e.length}finally{d+=1}',
  'switch(c(1)){case"number":d+=10;break;default:d+=20}',
  'print(c(void 0),c(null),c(true)+c(!1),d,"in"in b,b.if,this===void 0,false,undefined===c.x);',
  'print(delete b["in"],b instanceof Object,new Array(2).length,d+ +"1",d- -1,d+ ++d,"return a in \\"x\\" => b",/in[=]+=>if/.test("in==>if"));',
  'for(i in b)print(i in b,1 in a,i);',
  'function f(){return-1}function g(){return[2]}function h(){return/x/}print(f(),g()[0],h().test("x"));',
].join('');

test('every word and operator becomes one byte, and code comes back letter for letter', () => {
  const tokens = tokenise(CODE);
  expect(detokenise(tokens)).toBe(CODE);
  expect(tokens.length).toBeLessThan(0.75 * CODE.length);
  const used = new Set([...tokens].map((char) => char.charCodeAt(0)).filter((code) => code >= 128));
  // All but =>, let, const, class, extends, super, static, of and debugger.
  expect(used.size).toBe(61 - 9);
});

test('texts, expressions for texts and names after a point stay as they are', () => {
  expect(tokenise('a.in="if ==";b.catch(/while/)')).toBe('a.in="if ==";b.catch(/while/)');
});

test('a space stays where two operators would run together', () => {
  expect(tokenise('a+ +b;a- --b;typeof a;return_a')).toBe('a+ +b;a- \x99b;\xbfa;return_a');
});

interpreterTest('the interpreter runs tokens as letters', () => {
  const lines = runInEspruino(CODE);
  expect(lines).toHaveLength(4);
  expect(runInEspruino(tokenise(CODE))).toEqual(lines);
  expect(runInNode(detokenise(tokenise(CODE)))).toEqual(lines);
});
