import { createPrivateKey, createPublicKey, sign as nodeSign, verify as nodeVerify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findInterpreter } from '../../host-bridge/emulator/find-interpreter.js';
import { packageRoot } from '../../host-bridge/base/package-root.js';
import { edwardsOfX25519, KEY_SHAPE, makeCombTable, SEAL_SHAPE } from '../../flash-scripts/provision/tables.js';
import { gcmSeal } from '../../firmware/crypto/gcm.js';
import { boardScript, runBoardScript } from '../../host-bridge/bench/board-script.js';
import { programText } from '../../host-bridge/emulator/program-text.js';
import { aesBlocks } from '../../host-bridge/base/crypto/node-natives.js';
import { verify as verifyOnHost } from '../../host-bridge/base/crypto/ed25519-verify.js';
import { mutate, pick } from './mutations.js';
import { baseTable, bytes, fastEd, hex, inverseOf, plain, random } from './crypto-kit.js';

/** Signatures judged in the interpreter, so many a process: their text takes its memory. */
const COUNT = 320;
const BATCH = 80;

const interpreter = findInterpreter(process.env);
const interpreterTest = interpreter ? test : test.skip;

function privateKey(seed: Uint8Array) {
  return createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]),
    format: 'der',
    type: 'pkcs8',
  });
}

/** Runs a program with `ed` in the interpreter; gives its lines. */
async function run(program: string, files: { [name: string]: Uint8Array } = {}): Promise<string[]> {
  const all = { baseTable, ...files };
  const script = await boardScript(all, `var ed=lib.createEd25519(lib.natives,{base:baseTable});\n${program}`);
  return runBoardScript(interpreter!, all, script, 240000);
}

/** Nonces of each class. */
const NONCES = 16;

/**
 * What signing does under nonces of one value and under random ones, counted in the interpreter: statements, and
 * elements that natives were given. A time would depend on what else the machine does; benchmark and README have it.
 * @param before statements before the signing, which see `nonce`: a list for each of these
 */
async function workOfSigning(before: string[]): Promise<string[][]> {
  const program = `
    function metered(f){return function(){
      for(var i=0;i<arguments.length;i++)$work.e+=1+(arguments[i]&&arguments[i].length||0);
      return f.apply(this,arguments);
    };}
    for(var name in lib.natives)if(typeof lib.natives[name]=="function")lib.natives[name]=metered(lib.natives[name]);
    var ed=lib.createEd25519(lib.natives,{base:baseTable}),scalars=lib.createScalars(lib.natives);
    var key=ed.keyFromSeed(new Uint8Array(32)),message=new Uint8Array(100),one=new Uint8Array(64);
    one[0]=1;
    var ways=[${before.map((text) => `function(nonce){${text}return ed.sign(key,nonce,message);}`).join()}];
    for(var way=0;way<ways.length;way++)for(var i=0;i<${2 * NONCES};i++){
      var bytes=i<${NONCES}?one:lib.natives.sha512(new Uint8Array([i]));
      var nonce={R:new Uint8Array(32),k:new Float64Array(scalars.reduce(bytes))},n=$work.n,e=$work.e;
      ways[way](nonce);
      n=$work.n-n;e=$work.e-e;
      print(n,e);
    }`;
  const script = programText(await boardScript({ baseTable }, program), true);
  const lines = await runBoardScript(interpreter!, { baseTable }, `var $work={n:0,e:0};\n${script}`, 600_000);
  return before.map((_, i) => lines.slice(2 * NONCES * i, 2 * NONCES * (i + 1)));
}

describe('in the real interpreter', () => {
  interpreterTest('keys, signatures and verification agree with node:crypto', async () => {
    const seeds = Array.from({ length: 6 }, () => random(32));
    const messages = seeds.map((_, i) => random(i * 37));
    const theirs = seeds.map((seed, i) => new Uint8Array(nodeSign(null, messages[i]!, privateKey(seed))));
    const bad = theirs.map((signature, i) => {
      const copy = signature.slice();
      copy[(i * 11) % 64]! ^= 1 << (i % 8);
      return copy;
    });
    const known = fastEd().keyFromSeed(seeds[0]!).publicKey;
    const lines = await run(
      `var seeds=${JSON.stringify(seeds.map(hex))},messages=${JSON.stringify(messages.map(hex))},theirs=${JSON.stringify(theirs.map(hex))},bad=${JSON.stringify(bad.map(hex))};
       var draw=lib.createNonceSource({natives:lib.natives,secret:fromHex(seeds[0]),bootCounter:7,entropy:function(){return new Uint8Array(32);}});
       var pool=lib.createNoncePool({ed:function(){return ed},source:draw,size:4,batch:4});
       while(!pool.fillStep());
       for(var i=0;i<seeds.length;i++){
         var key=ed.keyFromSeed(fromHex(seeds[i])),m=fromHex(messages[i]);
         print(toHex(key.publicKey),toHex(ed.sign(key,pool.take(),m)),ed.verify(key.publicKey,m,fromHex(theirs[i])),ed.verify(key.publicKey,m,fromHex(bad[i])),ed.isLicensable(key.publicKey));
       }
       var prepared=ed.prepareKey(knownTable);
       print(ed.verifyKnown(prepared,fromHex(messages[0]),fromHex(theirs[0])),ed.verifyKnown(prepared,fromHex(messages[0]),fromHex(bad[0])),ed.verifyKnown(prepared,fromHex(messages[1]),fromHex(theirs[1])));`,
      { knownTable: makeCombTable(KEY_SHAPE, known) },
    );
    const seen = new Set<string>();
    seeds.forEach((seed, i) => {
      const [publicKey, signature, right, wrong, licensable] = lines[i]!.split(' ');
      expect(publicKey).toBe(hex(fastEd().keyFromSeed(seed).publicKey));
      expect(nodeVerify(null, messages[i]!, createPublicKey(privateKey(seed)), bytes(signature!))).toBe(true);
      expect(verifyOnHost(bytes(publicKey!), messages[i]!, bytes(signature!))).toBe(true);
      expect([right, wrong, licensable]).toEqual(['true', 'false', 'true']);
      seen.add(signature!.slice(0, 64));
    });
    expect(seen.size).toBe(seeds.length);
    expect(lines[seeds.length]).toBe('true false false');
  });

  interpreterTest(`${COUNT} signatures, right and mutated: the verdict of the one rule on the host`, async () => {
    const ed = fastEd();
    const keys = Array.from({ length: 5 }, () => ed.keyFromSeed(random(32)));
    for (let done = 0; done < COUNT; done += BATCH) {
      const cases = ed.makeNonces(random, BATCH).map((nonce) => {
        const key = keys[pick(keys.length)]!;
        const message = random(pick(100));
        const signature = ed.sign(key, nonce, message);
        return pick(3) === 0 ? [key.publicKey, message, signature] : mutate(key.publicKey, message, signature);
      });
      const verdicts = cases.map(([key, message, signature]) => (verifyOnHost(key!, message!, signature!) ? 1 : 0));
      expect(new Set(verdicts).size).toBe(2);
      const [line] = await run(
        `var cases=${JSON.stringify(cases.map((each) => each.map(hex)))},out="";
         for(var i=0;i<cases.length;i++)out+=ed.verify(fromHex(cases[i][0]),fromHex(cases[i][1]),fromHex(cases[i][2]))?1:0;
         print(out);`,
      );
      expect(line).toBe(verdicts.join(''));
    }
  });

  interpreterTest('hostile bytes get the same answer as on the host', async () => {
    const ed = fastEd();
    const key = ed.keyFromSeed(random(32));
    const message = random(10);
    const good = ed.sign(key, ed.makeNonces(random, 1)[0]!, message);
    const cases: [Uint8Array, Uint8Array][] = [[key.publicKey, good]];
    const orders = [
      '00',
      '01',
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
      'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
    ];
    for (const order of orders) {
      const point = bytes(order.padEnd(64, '0'));
      for (const sign of [0, 128]) {
        const encoding = point.slice();
        encoding[31]! ^= sign;
        cases.push(
          [encoding, new Uint8Array([...encoding, ...new Uint8Array(32)])],
          [key.publicKey, new Uint8Array([...encoding, ...good.subarray(32)])],
        );
      }
    }
    for (let i = 0; i < 8; i++) {
      const signature = good.slice();
      signature[63 - (i >> 1)]! ^= 1 << (7 - i);
      cases.push(
        [key.publicKey, signature],
        [key.publicKey, good.subarray(0, 8 * i)],
        [key.publicKey.subarray(i), good],
      );
    }
    for (let y = 2; y < 8; y++) cases.push([bytes(y.toString(16).padStart(2, '0').padEnd(64, '0')), good]);
    const list = cases.map(([publicKey, signature]) => [hex(publicKey), hex(signature)]);
    const lines = await run(
      `var m=fromHex("${hex(message)}"),cases=${JSON.stringify(list)},out="";
       for(var i=0;i<cases.length;i++)out+=ed.verify(fromHex(cases[i][0]),m,fromHex(cases[i][1]))?1:0;
       print(out);`,
    );
    expect(lines[0]).toBe(
      cases.map(([publicKey, signature]) => (ed.verify(publicKey, message, signature) ? 1 : 0)).join(''),
    );
    expect(lines[0]!.startsWith('10')).toBe(true);
  });

  interpreterTest('signing is the same work whatever the nonce, and a planted leak is found', async () => {
    // A loop, one statement, and one more element for a native: each for some of the nonces.
    const leaks = ['for(var j=0;j<100;j++);', 'var j=1;', 'lib.natives.sha512(new Uint8Array(1));'];
    const [honest, ...leaking] = await workOfSigning(['', ...leaks.map((leak) => `if(nonce.k[7]>1000){${leak}}`)]);
    expect(honest!.length).toBe(2 * NONCES);
    const [statements, elements] = honest![0]!.split(' ').map(Number);
    expect(statements).toBeGreaterThan(100);
    expect(elements).toBeGreaterThan(500);
    expect(new Set(honest).size).toBe(1);
    for (const [i, work] of leaking.entries()) {
      expect([leaks[i], new Set(work).size]).toEqual([leaks[i], 2]);
      expect([leaks[i], new Set(work.slice(0, NONCES)).size]).toEqual([leaks[i], 1]);
    }
  });

  interpreterTest('sealed and blinded messages: the vectors of the RFCs', async () => {
    const peerTable = makeCombTable(
      SEAL_SHAPE,
      edwardsOfX25519(bytes('3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d')),
    );
    const vector: Record<string, string> = JSON.parse(
      readFileSync(join(packageRoot(), 'test', 'crypto', 'rfc9474.json'), 'utf8'),
    );
    const n = BigInt('0x' + vector.n);
    // r of the vector, and what who is asked for 1/(r u) answers for u = r.
    const r = inverseOf(BigInt('0x' + vector.inverse), n);
    const answer = inverseOf((r * r) % n, n);
    const sealed = gcmSeal(
      aesBlocks,
      bytes('00'.repeat(16)),
      new Uint8Array(12),
      bytes('aabb'),
      bytes('0102030405060708090a0b0c0d0e0f101112'),
    );
    const lines = await run(
      `var v=${JSON.stringify({ ...vector, r: r.toString(16).padStart(1024, '0'), answer: answer.toString(16).padStart(1024, '0') })};
       var x=lib.createX25519(lib.createEdwards(lib.natives),lib.createScalars(lib.natives)),aes=lib.ciphers.aes;
       var s=lib.createSealer(lib.natives,aes,x,lib.openCombTable(baseTable),lib.openCombTable(peerTable));
       var e=s.encapsulate(fromHex("52c4a758a802cd8b936eceea314432798d5baf2d7e9235dc084ab1b9cfa2f736"),fromHex("0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"));
       print(toHex(e.enc));
       print(toHex(s.seal(e,fromHex("4f6465206f6e2061204772656369616e2055726e"),fromHex("436f756e742d30"),fromHex("4265617574792069732074727574682c20747275746820626561757479"))));
       var sealed=fromHex("${hex(sealed)}"),key=new Uint8Array(16),nonce=new Uint8Array(12),opened=lib.gcmOpen(aes,key,nonce,fromHex("aabb"),sealed);
       print(toHex(opened),toHex(lib.gcmSeal(aes,key,nonce,fromHex("aabb"),opened)));
       sealed[3]^=1;
       print(lib.gcmOpen(aes,key,nonce,fromHex("aabb"),sealed));
       var rsa=lib.createRsa(lib.natives),b=lib.createBlindRsa(rsa,lib.ciphers.sha384),m=rsa.prepare(fromHex(v.n));
       var blinding=b.startBlinding(m,function(){return fromHex(v.r);});
       var inverse=b.takeInverse(m,blinding,fromHex(v.answer));
       print(b.takeInverse(m,blinding,fromHex(v.r)),inverse.length);
       print(toHex(b.blind(m,blinding,fromHex(v.preparedMessage),fromHex(v.salt))));
       var signature=b.unblind(m,inverse,fromHex(v.blindSignature));
       print(toHex(signature));
       print(b.verify(m,fromHex(v.preparedMessage),signature),b.verify(m,fromHex(v.salt),signature));`,
      { peerTable },
    );
    expect(lines).toEqual([
      '37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431',
      'f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a',
      `0102030405060708090a0b0c0d0e0f101112 ${hex(sealed)}`,
      'null',
      'null 512',
      vector.blindedMessage,
      vector.signature,
      'true false',
    ]);
  });

  interpreterTest("field, scalars and generator give the host's bytes", async () => {
    const inputs = [...Array.from({ length: 12 }, () => random(64)), new Uint8Array(64), new Uint8Array(64).fill(255)];
    const program = (lib: string, natives: string): string => `
      var f=${lib}.createField(${natives}),s=${lib}.createScalars(${natives}),d=${lib}.createHmacDrbg(${natives},inputs[0],inputs[1],inputs[2]);
      for(var i=0;i<inputs.length;i++){
        var x=${lib}.createElement(),y=${lib}.createElement(),z=${lib}.createElement();
        f.fromBytes(x,inputs[i]);f.invert(y,x);f.mul(z,y,y);f.power58(y,z);
        var r=s.reduce(inputs[i]);
        print(toHex(f.toBytes(y)),toHex(s.toBytes(s.mulHashAdd(inputs[i],s.columns(r),r))),toHex(s.toBytes(s.mulAdd(inputs[i],r,r))),toHex(d.generate(40,inputs[i])));
      }`;
    const host = await import('../../firmware/crypto/field.js');
    const { createScalars } = await import('../../firmware/crypto/scalar.js');
    const { createHmacDrbg } = await import('../../firmware/crypto/hmac-drbg.js');
    const expected: string[] = [];
    new Function('lib', 'natives', 'inputs', 'toHex', 'print', program('lib', 'natives'))(
      { ...host, createScalars, createHmacDrbg },
      plain,
      inputs,
      hex,
      (...values: string[]) => expected.push(values.join(' ')),
    );
    const lines = await run(
      `var inputs=${JSON.stringify(inputs.map(hex))};for(var j=0;j<inputs.length;j++)inputs[j]=fromHex(inputs[j]);${program('lib', 'lib.natives')}`,
    );
    expect(lines).toEqual(expected);
  });
});
