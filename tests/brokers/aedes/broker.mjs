// SPDX-License-Identifier: MIT
// aedes on two ports: node broker.mjs MQTT_PORT WS_PORT. The packages are those of package.json,
// in the folder that NODE_PACKAGES names.
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { createServer as createHttpServer } from 'node:http'

const require = createRequire(process.env.NODE_PACKAGES + '/package.json')
const { Aedes } = require('aedes')
const { WebSocketServer, createWebSocketStream } = require('ws')
const [mqttPort, wsPort] = process.argv.slice(2).map(Number)

const broker = await Aedes.createBroker()
createServer(broker.handle).listen(mqttPort, '127.0.0.1')
const http = createHttpServer()
new WebSocketServer({ server: http }).on('connection', (socket, request) =>
  broker.handle(createWebSocketStream(socket), request))
http.listen(wsPort, '127.0.0.1')
