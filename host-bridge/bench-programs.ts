/**
 * What the benchmark runs in the interpreter, as plain Espruino JavaScript over `lib` of bench-board.ts.
 */

/** Seed of the key that is measured with. */
export const SEED = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
/** Bytes that a token seals at a withdrawal, and that it signs at a tap; about. */
export const SEALED_BYTES = 112;
export const SIGNED_BYTES = 100;

export type Operation =
  | 'signAtTap' | 'makeNonce' | 'keyPair' | 'verifyKnownKey' | 'verifyAnyKey' | 'verifyBareKey' | 'hpkeSeal' | 'rsaPublic' | 'blindUnblind';

/** What other libraries have, too. */
export type Compared = 'keyPair' | 'sign' | 'verify';

/** TweetNaCl.js has two builds: the port of TweetNaCl itself, and an unrolled one that is twice as fast. */
export type Rival = 'tweetnacl' | 'tweetnaclFast';

/** One operation. */
export interface Figure {
  ms: number;
  /** How many times as fast as nacl.js, and as nacl-fast.js, of TweetNaCl.js in the same process; absent without it. */
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
  ['verifyAnyKey', 'verify, any key (licensed)', 'verify'],
  ['verifyBareKey', 'verify, any key (unlicensed)', 'verify'],
  ['hpkeSeal', 'HPKE seal to a known key', null],
  ['rsaPublic', 'RSA-2048 public operation', null],
  ['blindUnblind', 'blind and unblind, r prepared', null],
];

/** Calls of one round: the interpreter's clock of processor time ticks every 4 ms. `makeNonce` makes 8 a call. */
const REPEATS: Record<Operation, number> = { signAtTap: 25, makeNonce: 4, keyPair: 16, verifyKnownKey: 12, verifyAnyKey: 8, verifyBareKey: 6, hpkeSeal: 12, rsaPublic: 12, blindUnblind: 40 };
/** Rounds of a figure, which is their median. */
const ROUNDS = 3;
/** Rounds of signing, whose mean is taken. */
const SIGN_ROUNDS = 16;
const NONCES_A_CALL = 8;
const LOOPS = 500_000;
/** How many single operations stand behind a figure, for the division. */
export const timesOf = (name: Operation | 'emptyLoop'): number => ({ makeNonce: NONCES_A_CALL, emptyLoop: LOOPS } as Record<string, number>)[name] ?? 1;

const measured = (name: Operation, body: string): string => `time(${JSON.stringify(name)},${REPEATS[name]},function(){${body}});`;

/** Prints "name nanoseconds" for each operation, "emptyLoop", and "version ...". Files: baseTable, keyTable, multiples, peerTable, modulus. */
export const PROGRAM = `
function time(name,n,f){
  var rounds=[],t;
  for(var r=0;r<${ROUNDS};r++){t=cpu();for(var i=0;i<n;i++)f();rounds.push((cpu()-t)/n*1000000000);}
  print(name,rounds.sort(function(a,b){return a-b;})[${(ROUNDS - 1) / 2}]);
}
var ed=lib.createEd25519(lib.natives,{base:baseTable}),known=ed.prepareKey(keyTable),seed=fromHex("${SEED}"),key=ed.keyFromSeed(seed);
var count=0,message=new Uint8Array(${SIGNED_BYTES}),nonces,signature;
function draw(n){
  var out=new Uint8Array(n),part;
  for(var i=0;i<n;i+=64){count++;part=lib.natives.sha512(new Uint8Array([count&255,count>>8]));out.set(n-i<64?part.subarray(0,n-i):part,i);}
  return out;
}
time("emptyLoop",1,function(){for(var i=0;i<${LOOPS};i++);});
${measured('keyPair', 'ed.keyFromSeed(seed);')}
${measured('makeNonce', `ed.makeNonces(draw,${NONCES_A_CALL});`)}
// A board holds few nonces, so few at a time here: with hundreds in memory all is slower.
(function(){
  var spent=0,t;
  for(var r=0;r<${SIGN_ROUNDS};r++){nonces=ed.makeNonces(draw,${REPEATS.signAtTap});t=cpu();while(nonces.length)signature=ed.sign(key,nonces.pop(),message);spent+=cpu()-t;}
  print("signAtTap",spent/${SIGN_ROUNDS * REPEATS.signAtTap}*1000000000);
})();
${measured('verifyKnownKey', 'if(!ed.verifyKnown(known,message,signature))throw "known key";')}
${measured('verifyAnyKey', 'if(!ed.verifyKnown(ed.prepareWithMultiples(key.publicKey,multiples),message,signature))throw "any key";')}
${measured('verifyBareKey', 'if(!ed.verify(key.publicKey,message,signature))throw "bare key";')}
(function(){
  var x=lib.createX25519(lib.createEdwards(lib.natives),lib.createScalars(lib.natives));
  var sealer=lib.createSealer(lib.natives,lib.ciphers.aes,x,lib.openCombTable(baseTable),lib.openCombTable(peerTable));
  var plain=new Uint8Array(${SEALED_BYTES}),none=new Uint8Array(0),secret=draw(32),blind=draw(32);
  ${measured('hpkeSeal', 'sealer.seal(sealer.encapsulate(secret,blind),none,none,plain);')}
})();
(function(){
  var rsa=lib.createRsa(lib.natives),blindRsa=lib.createBlindRsa(rsa,lib.ciphers.sha384),m=rsa.prepare(modulus);
  // Any numbers take as long as those of a coupon.
  var x=rsa.fromBytesBelow(m,draw(256)),blinding={r:x,power:x,mask:x},inverse=rsa.toBytes(m,x),prepared=draw(64),salt=draw(48);
  ${measured('rsaPublic', 'rsa.power65537(m,x);')}
  ${measured('blindUnblind', 'blindRsa.unblind(m,inverse,blindRsa.blind(m,blinding,prepared,salt));')}
})();
print("version",process.env.VERSION,process.env.BOARD||"");
`;

/** The same operations of a rival whose source is given. */
export function rivalProgram(name: Rival, source: string): string {
  return `
(function(){
var module={exports:{}};
${source}
var nacl=module.exports,pair,sig;
time("${name}.keyPair",1,function(){pair=nacl.sign.keyPair.fromSeed(seed);});
if(toHex(pair.publicKey)!=toHex(key.publicKey))throw "the rival's key differs";
time("${name}.sign",1,function(){sig=nacl.sign.detached(message,pair.secretKey);});
time("${name}.verify",1,function(){if(!nacl.sign.detached.verify(message,signature,pair.publicKey))throw "the rival refuses";});
})();
`;
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
