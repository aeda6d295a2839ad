// The second opinion: looks up names and accounts with @azns/resolver-core, over one connection.
// Arguments: server and router. Each line of stdin is a name or an account, each line of stdout its answer as JSON
// with the milliseconds that it took; the first one includes connecting.
import { createInterface } from 'node:readline'
import { ApiPromise, WsProvider } from '@polkadot/api'
import { resolveAddressToDomain, resolveDomainToAddress } from '@azns/resolver-core'

const [server, router] = process.argv.slice(2)
let api
for await (const line of createInterface({ input: process.stdin })) {
  const started = performance.now()
  api ??= await ApiPromise.create({ provider: new WsProvider(server), noInitWarn: true })
  const options = { chainId: 'development', customApi: api, customContractAddresses: { azns_router: router } }
  const answer = line.includes('.')
    ? await resolveDomainToAddress(line, options)
    : await resolveAddressToDomain(line, options)
  const error = answer.error && `${answer.error.name}: ${answer.error.message}`
  console.log(JSON.stringify({ ...answer, error, milliseconds: performance.now() - started }))
}
process.exit(0)
