/**
 * What the benchmark runs in the interpreter, as plain Espruino JavaScript over `lib` of board-script.ts.
 *
 * Machines change speed while they run. So everything is measured in alternation: in each of several rounds an
 * operation, its rival, and the operation again, one directly after another. Ratios are medians of the rounds' ratios,
 * milliseconds are medians over the run.
 */

/** Seed of the key that is measured with. */
export const SEED = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
/** Bytes that a token seals at a withdrawal, and that it signs at a tap; about. */
export const SEALED_BYTES = 112;
export const SIGNED_BYTES = 100;

export type Operation =
  | 'signAtTap'
  | 'makeNonce'
  | 'keyPair'
  | 'verifyKnownKey'
  | 'verifyAnyKey'
  | 'verifyBareKey'
  | 'hpkeSeal'
  | 'rsaPublic'
  | 'blindUnblind';

/** What other libraries have, too. */
export type Compared = 'keyPair' | 'sign' | 'verify';

/** TweetNaCl.js has two builds: the port of TweetNaCl itself, and an unrolled one that is twice as fast. */
export type Rival = 'tweetnacl' | 'tweetnaclFast';

/** One operation. */
export interface Figure {
  /** The median of measurements that are spread over the run. */
  ms: number;
  /**
   * How many times as fast as nacl.js, and as nacl-fast.js, of TweetNaCl.js in the same process, the median of the
   * rounds; absent without it.
   */
  timesTweetnacl?: number;
  timesTweetnaclFast?: number;
  /** The same of @noble/curves, on Node. */
  timesNoble?: number;
}

/** Operation, its name for people, the others' operation that it is compared with. */
export const OPERATIONS: [Operation, string, Compared | null][] = [
  ['signAtTap', 'sign at the tap (nonce ready)', 'sign'],
  ['makeNonce', 'make one nonce (batch of 8)', 'sign'],
  ['keyPair', 'key pair', 'keyPair'],
  ['verifyKnownKey', 'verify, key known in advance', 'verify'],
  ['verifyAnyKey', 'verify, any key (multiples in the license)', 'verify'],
  ['verifyBareKey', 'verify, any key (without multiples)', 'verify'],
  ['hpkeSeal', 'HPKE seal to a known key', null],
  ['rsaPublic', 'RSA-2048 public operation', null],
  ['blindUnblind', 'blind and unblind, r prepared', null],
];

/** "Times as fast", as people read it. */
export const ratio = (times: number | undefined): string =>
  times === undefined ? '' : times < 10 ? times.toFixed(1) : times.toFixed(0);

/** How many nonces share an inversion. */
const NONCES_A_CALL = 8;
const LOOPS = 100_000;
/** Rounds over all operations. */
export const ROUNDS = 4;

/** Calls in a row: the interpreter's clock of processor time ticks every 4 ms. */
const REPEATS: Record<Operation, number> = {
  signAtTap: 300,
  makeNonce: 2,
  keyPair: 6,
  verifyKnownKey: 5,
  verifyAnyKey: 3,
  verifyBareKey: 3,
  hpkeSeal: 5,
  rsaPublic: 4,
  blindUnblind: 12,
};
/** How many single operations a call is, for the division. */
const TIMES: Partial<Record<Operation, number>> = { makeNonce: NONCES_A_CALL };

/**
 * What is measured one directly after another: own operations, and the others' operation that they are compared with.
 * What has no rival comes again and again, to be spread over the run, too.
 */
export const SCHEDULE: [Operation[], Compared | null][] = (['keyPair', 'sign', 'verify'] as const).flatMap(
  (compared): [Operation[], Compared | null][] => [
    [OPERATIONS.filter(([, , same]) => same === compared).map(([name]) => name), compared],
    [OPERATIONS.filter(([, , same]) => !same).map(([name]) => name), null],
  ],
);

const operation = (name: Operation, body: string): string =>
  `own.${name}=[${REPEATS[name]},${TIMES[name] ?? 1},function(){${body}}];`;

/**
 * Makes the operations and rivals[]. Files: baseTable, keyTable, multiples, peerTable, modulus.
 * Signing empties its nonce, which is filled again each time.
 */
export const OPERATIONS_OF_BOARD = `
var own={},rivals=[];
var ed=lib.createEd25519(lib.natives,{base:baseTable}),known=ed.prepareKey(keyTable),seed=fromHex("${SEED}"),key=ed.keyFromSeed(seed);
var count=0,message=new Uint8Array(${SIGNED_BYTES}),spare,secret,signature;
function draw(n){
  var out=new Uint8Array(n),part;
  for(var i=0;i<n;i+=64){count++;part=lib.natives.sha512(new Uint8Array([count&255,count>>8]));out.set(n-i<64?part.subarray(0,n-i):part,i);}
  return out;
}
spare=ed.makeNonces(draw,1)[0];
secret=new Float64Array(spare.k);
${operation('keyPair', 'ed.keyFromSeed(seed);')}
${operation('makeNonce', `ed.makeNonces(draw,${NONCES_A_CALL});`)}
${operation('signAtTap', 'var k=spare.k;k.set(secret);signature=ed.sign(key,spare,message);spare.k=k;')}
own.signAtTap[2]();
${operation('verifyKnownKey', 'if(!ed.verifyKnown(known,message,signature))throw "known key";')}
${operation('verifyAnyKey', 'if(!ed.verifyKnown(ed.prepareWithMultiples(key.publicKey,multiples),message,signature))throw "any key";')}
${operation('verifyBareKey', 'if(!ed.verify(key.publicKey,message,signature))throw "bare key";')}
(function(){
  var x=lib.createX25519(lib.createEdwards(lib.natives),lib.createScalars(lib.natives));
  var sealer=lib.createSealer(lib.natives,lib.ciphers.aes,x,lib.openCombTable(baseTable),lib.openCombTable(peerTable));
  var plain=new Uint8Array(${SEALED_BYTES}),none=new Uint8Array(0),secret=draw(32),blind=draw(32);
  ${operation('hpkeSeal', 'sealer.seal(sealer.encapsulate(secret,blind),none,none,plain);')}
})();
(function(){
  var rsa=lib.createRsa(lib.natives),blindRsa=lib.createBlindRsa(rsa,lib.ciphers.sha384),m=rsa.prepare(modulus);
  // Any numbers take as long as those of a coupon.
  var x=rsa.fromBytesBelow(m,draw(256)),blinding={r:x,power:x,mask:x},inverse=rsa.toBytes(m,x),prepared=draw(64),salt=draw(48);
  ${operation('rsaPublic', 'rsa.power65537(m,x);')}
  ${operation('blindUnblind', 'blindRsa.unblind(m,inverse,blindRsa.blind(m,blinding,prepared,salt));')}
})();
`;

/** Adds a rival whose source is given. */
function rivalProgram([name, source]: [Rival, string]): string {
  return `
(function(){
var module={exports:{}};
${source}
var nacl=module.exports,pair;
rivals.push({
  name:"${name}",
  keyPair:function(){pair=nacl.sign.keyPair.fromSeed(seed);if(toHex(pair.publicKey)!=toHex(key.publicKey))throw "the rival's key differs";},
  sign:function(){nacl.sign.detached(message,pair.secretKey);},
  verify:function(){if(!nacl.sign.detached.verify(message,signature,pair.publicKey))throw "the rival refuses";}
});
})();
`;
}

/**
 * Prints, for each time that something was measured, "emptyLoop ms", "operation ms", and "operation.rival ratio"; and
 * "version ...". An operation is measured directly before and after each rival, whose ratio is to the mean of the two.
 * Each time the free memory is put in order first, which process.memory() does: after a rival it is in pieces, and
 * signing took 0.1 ms longer.
 */
export function operationsProgram(rivals: [Rival, string][]): string {
  return `${OPERATIONS_OF_BOARD}${rivals.map(rivalProgram).join('')}
function ms(n,f){process.memory();var t=cpu();for(var i=0;i<n;i++)f();return (cpu()-t)/n*1000;}
function measure(name){var o=own[name],t=ms(o[0],o[2])/o[1];print(name,t);return t;}
function round(names,compared){
  var last=names.map(measure),t,next;
  if(compared)rivals.forEach(function(rival){
    t=ms(1,rival[compared]);
    next=names.map(measure);
    names.forEach(function(name,i){print(name+"."+rival.name,2*t/(last[i]+next[i]));});
    last=next;
  });
}
for(var r=0;r<${ROUNDS};r++){
  print("emptyLoop",ms(1,function(){for(var i=0;i<${LOOPS};i++);})/${LOOPS});
  ${SCHEDULE.map(([names, compared]) => `round(${JSON.stringify(names)},${JSON.stringify(compared)});`).join('\n  ')}
}
print("version",process.env.VERSION,process.env.BOARD||"");
`;
}

/** The value in the middle. */
export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

/**
 * Two classes of secrets at the signing of one message: nonces of one value, and random ones; from the same number of
 * arrays, in random order. Prints "class count mean variance" for each, microseconds, and "leak ..." where a planted
 * branch on the nonce makes the second class slower. Samples far from the first few thousand's mean (interrupts of the
 * machine) are left out of both.
 */
export function timingProgram(samples: number): string {
  return `
var ed=lib.createEd25519(lib.natives,{base:baseTable}),key=ed.keyFromSeed(fromHex("${SEED}")),message=new Uint8Array(${SIGNED_BYTES});
var scalars=lib.createScalars(lib.natives),count=0;
function draw(){count++;return lib.natives.sha512(new Uint8Array([count&255,count>>8,7]));}
var classes=[[],[]],R=new Uint8Array(32),one=new Uint8Array(64),coins=[],i;
one[0]=1;
for(i=0;i<32;i++){classes[0].push(scalars.reduce(one));classes[1].push(scalars.reduce(draw()));}
function leaking(nonce){if(nonce.k[7]>1000)for(var j=0;j<100;j++);return ed.sign(key,nonce,message);}
function honest(nonce){return ed.sign(key,nonce,message);}
function sample(sign,k){
  var nonce={R:R,k:new Float64Array(k)},t=getTime();
  sign(nonce);
  return (getTime()-t)*1000000;
}
function run(sign,samples){
  var limit=0,n=[0,0],mean=[0,0],sum=[0,0],bits,c,d,delta;
  for(var i=0;i<2000;i++)limit+=sample(sign,classes[i&1][i&31])/2000;
  limit*=1.5;
  for(i=0;i<samples;i++){
    if(!(i&511))bits=draw();
    c=(bits[(i>>3)&63]>>(i&7))&1;
    d=sample(sign,classes[c][(i>>1)&31]);
    if(d>limit)continue;
    n[c]++;
    delta=d-mean[c];
    mean[c]+=delta/n[c];
    sum[c]+=delta*(d-mean[c]);
  }
  return n[0]+" "+mean[0]+" "+sum[0]/(n[0]-1)+" "+n[1]+" "+mean[1]+" "+sum[1]/(n[1]-1);
}
print("honest",run(honest,${samples}));
print("leak",run(leaking,${Math.max(4000, Math.floor(samples / 5))}));
`;
}
