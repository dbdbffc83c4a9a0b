// One measurement: a fresh Node process, so that no client works with what the ones before it left in memory and in the compiler.
import { peers } from '../index.mjs';
import { measure } from './measure.mjs';

process.once('message', ({ peerName, setupIndex, place, work }) => {
  const peer = peers.find(({ name }) => name === peerName);
  run(peer, peer.setups[setupIndex], place, work).then(
    (result) => process.send({ result }, () => process.exit()),
    (error) => process.send({ error: String(error?.stack ?? error) }, () => process.exit(1)),
  );
});

// Whoever started us has ended.
process.once('disconnect', () => process.exit());

async function run(peer, setup, place, work) {
  if (peer.measure !== undefined) return peer.measure(setup, place, work);
  const client = await peer.connect(setup, place);
  const measured = await measure(client, work);
  await client.close();
  return { ...measured, serverVersion: client.serverVersion };
}
