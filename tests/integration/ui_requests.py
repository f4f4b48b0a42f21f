# SPDX-License-Identifier: MIT
"""What the pages of CoreScope ask a server for, and which fields of the answers their code
reads: recorded in a browser (ui-fields.md; its words "read" and "also named" together).

A field is `name:type`. Types: str num int bool any, `T|null`, `[T]` a list, `{...}` an object,
`{*: T}` one of any names, `json{...}` a text that holds an object. `name?` may be left out; `name~`
need not be in every place, but in some: what a packet says depends on its type.
"""

SHAPES = {
    "decoded": "json{type:str, channel~:str, channelHash~:int, channelHashHex~:str, decryptionStatus~:str, destHash~:str,"
               " srcHash~:str, name~:str, pubKey~:str, text~:str, lat~:num, lon~:num,"
               " flags~:{repeater:bool, room:bool, sensor:bool}}",
    "packet": "{id:int, hash:str, first_seen:str, timestamp:str, route_type:int, payload_type:int, raw_hex:str,"
              " decoded_json:decoded, observation_count:int, observer_id:str|null, observer_name:str|null,"
              " observer_iata:str|null, snr:num|null, rssi:num|null, path_json:str|null, direction:str|null,"
              " _parsedPath:[str]|null, resolved_path?:any, scope_name?:str|null, observations?:[observation]}",
    "group": "{hash:str, first_seen:str, count:int, observation_count:int, observer_count:int, latest:str,"
             " observer_id:str|null, observer_name:str|null, observer_iata:str|null, distinct_iatas:[str],"
             " path_json:str|null, _parsedPath:[str]|null, payload_type:int, route_type:int, raw_hex:str,"
             " decoded_json:decoded, snr:num|null, rssi:num|null, resolved_path?:any, observations?:[observation]}",
    "observation": "{id:int, observer_id:str|null, observer_name:str|null, observer_iata:str|null, path_json:str|null,"
                   " _parsedPath:[str]|null, snr:num|null, rssi:num|null, timestamp:str, direction:str|null,"
                   " raw_hex?:str, resolved_path?:any}",
    "node": "{public_key:str, name:str|null, role:str|null, lat:num|null, lon:num|null, first_seen:str|null,"
            " last_seen:str|null, last_heard:str|null, advert_count:int, hash_size:int|null, hash_size_inconsistent:bool,"
            " default_scope:str|null, battery_mv:num|null, multi_byte_status~:str, multi_byte_evidence~:str,"
            " relay_active~:bool, relay_count_1h~:int|null, relay_count_24h~:int|null, last_relayed~:str,"
            " bridge_score~:num|null, traffic_share_score~:num|null, usefulness_score~:num|null,"
            " transported_scopes?:[str], hash_sizes_seen?:[int]}",
    "heard": "{observer_id:str, observer_name:str|null, iata?:str|null, packetCount:int, avgSnr:num|null,"
             " avgRssi:num|null, can_relay?:bool}",
    "counts": "{repeaters:int, rooms:int, companions:int, sensors:int}",
    "observer": "{id:str, name:str|null, iata:str|null, lat:num|null, lon:num|null, first_seen:str|null, last_seen:str|null,"
                " last_packet_at:str|null, packet_count:int, packetsLastHour:int, model:str|null, firmware:str|null,"
                " client_version:str|null, radio:str|null, battery_mv:num|null, uptime_secs:num|null, noise_floor:num|null,"
                " clock_naive:bool, clock_skew_seconds:num|null, clock_skew_count_24h:int, clock_last_naive_at:str|null,"
                " can_relay?:bool}",
    "skew": "{pubkey:str, nodeName:str|null, severity:str, recentMedianSkewSec:num, driftPerDaySec:num, calibrated:bool,"
            " recentBadSampleCount:int, recentSampleCount:int, lastObservedTS:int}",
    "io": "{readBytesPerSec:num, writeBytesPerSec:num, cancelledWriteBytesPerSec:num, syscallsRead:num, syscallsWrite:num}",
    "skew_evidence": "{hash:str, timestamp:int, medianCorrectedSkewSec:num, observers:[{observerID:str, observerName:str|null,"
                     " observerOffsetSec:num, rawSkewSec:num, correctedSkewSec:num}]}",
    "bins": "{bins:[{x:num, count:int}]}",
    "spread": "{min:num, max:num, avg:num, median:num, stddev:num}",
    "prefix_node": "{public_key:str, name:str|null, role:str|null, lat:num|null, lon:num|null}",
}

FIELDS = {
    "stats": "{totalPackets:int, totalTransmissions:int, totalNodes:int, totalObservers:int, packetsLast24h:int}",
    "healthz": "{ready:bool, from_pubkey_backfill:{done:bool, processed:int, total:int},"
               " ingest_liveness:{*: {lastReceiptUnix:int}}}",
    "config/client":
        "{healthThresholds:{infraDegradedMs:num, infraSilentMs:num, nodeDegradedMs:num, nodeSilentMs:num,"
        " observerOnlineMs:num, observerStaleMs:num}, timestamps:{defaultMode:str, timezone:str, formatPreset:str,"
        " customFormat:str, allowCustomFormat:bool}, map:{tiles:{darkDefault:str, lightDefault:str, darkUrl:str,"
        " lightUrl:str, providers:any}}, tiles:any, roles:any, snrThresholds:any, distThresholds:any, maxHopDist:num,"
        " limits:any, perfSlowMs:num, wsReconnectMs:num, cacheInvalidateMs:num, externalUrls:any, propagationBufferMs:num,"
        " liveMapMaxNodes:int, customizer:{disabledTabs:[str]}, clientRxCoverage:bool, debugAffinity:bool}",
    "config/cache": "{*: num}",
    "config/theme":
        "{branding:{siteName:str, tagline:str, logoUrl:str, faviconUrl:str, homeUrl:str}, theme:{accent:str, background:str},"
        " themeDark:any, nodeColors:any, typeColors:any, markerStroke:{color:str, width:num, opacity:num},"
        " home:{heroTitle:str, heroSubtitle:str, steps:any, checklist:any, footerLinks:any}}",
    "config/regions": "{*: str}",
    "config/areas": "[{key:str, label:str}]",
    "config/areas/polygons": "[{key:str, label:str}]",
    "config/geo-filter": "{polygon:[[num]], bufferKm:num, writeEnabled:bool}",
    "config/map": "{center:[num], zoom:num}",
    "iata-coords": "{coords:{*: {lat:num, lon:num}}}",
    "known-channels": "{fetchedAt:any, source:str, entries:[any]}",
    "channels": "{channels:[{hash:str, name:str, lastMessage:str|null, lastSender:str|null, messageCount:int,"
                " lastActivity:str, encrypted?:bool}]}",
    "channel messages": "{messages:[{sender:str, text:str, timestamp:str, first_seen:str, sender_timestamp:int|null,"
                        " packetId:int, packetHash:str, repeats:int, observers:[str], hops:int, snr:num|null}]}",
    "nodes": "{nodes:[node], total:int, counts:counts}",
    "nodes/search": "{nodes:[node]}",
    "nodes/bulk-health": "[{public_key:str, name:str|null, role:str|null, lat:num|null, lon:num|null, observers:[heard],"
                         " stats:{avgSnr:num|null, lastHeard:str|null, packetsToday:int, totalTransmissions:int,"
                         " totalPackets:int}}]",
    "nodes/network-status": "{total:int, active:int, degraded:int, silent:int, roleCounts:{*: int}}",
    "nodes/clock-skew": "[skew]",
    "nodes/resolve": "{prefix:str, ambiguous:bool, pubkey?:str, name?:str}",
    "node": "{node:node, recentAdverts:[{hash:str, observation_count:int, observer_id:str|null, observer_name:str|null,"
            " payload_type:int, raw_hex:str, rssi:num|null, snr:num|null, timestamp:str, direction:str|null,"
            " decoded_json:json{name?:str, pubKey:str}}]}",
    "node health": "{node:node, observers:[heard], recentPackets:[packet], stats:{avgHops?:num, avgSnr:num|null,"
                   " lastHeard:str|null, packetsToday:int, totalTransmissions:int, totalObservations:int,"
                   " totalPackets:int}}",
    "node paths": "{node:node, paths:[{count:int, hops:[{name:str, prefix:str, pubkey:str|null, lat:num|null,"
                  " lon:num|null}], lastSeen:str|null, sampleHash:str}], totalPaths:int, totalTransmissions:int}",
    "node analytics":
        "{node:node, timeRange:any, activityTimeline:[{bucket:str, count:int}], snrTrend:[{timestamp:str, snr:num,"
        " rssi:num|null, observer_id:str, observer_name:str|null}], packetTypeBreakdown:[{payload_type:int, count:int}],"
        " observerCoverage:[heard], hopDistribution:[{hops:str, count:int}], peerInteractions:[any],"
        " uptimeHeatmap:[{dayOfWeek:int, hour:int, count:int}], computedStats:{availabilityPct:num, longestSilenceMs:int,"
        " signalGrade:str|null, relayPct:num|null, totalPackets:int, uniqueObservers:int, avgPacketsPerDay:num}}",
    "node battery": "{public_key:str, days:int, samples:[{timestamp:str, battery_mv:num}], latest_mv:num|null,"
                    " latest_ts:str|null, status:str, thresholds:{low_mv:num, critical_mv:num}}",
    "node clock-skew": "{pubkey:str, severity:str, recentMedianSkewSec:num, driftPerDaySec:num, calibrated:bool,"
                       " samples:[{ts:int, skew:num}], calibrationSummary:{totalSamples:int, calibratedSamples:int,"
                       " uncalibratedSamples:int}, recentHashEvidence:[skew_evidence], recentBadSampleCount:int,"
                       " recentSampleCount:int}",
    "node neighbors": "{node:str, neighbors:[{pubkey:str|null, prefix:str, name:str|null, role:str|null, count:int,"
                      " score:num, first_seen:str, last_seen:str, avg_snr:num|null, distance_km?:num, observers:[str],"
                      " ambiguous:bool, candidates?:[{pubkey:str, name:str|null, role:str|null}],"
                      " counts_by_mode:{0:int, 1:int, 2:int, 3:int}}]}",
    "node hop_analytics": "{pubkey:str, days:int, byType:[{payload_type:int, scoped:bool, hops:[{hops:int, count:int}]}]}",
    "observers": "{observers:[observer], server_time:str}",
    "observer": "observer",
    "observer analytics": "{timeline:[{label:str, count:int}], nodesTimeline:[{label:str, count:int}],"
                          " packetTypes:{*: int}, snrDistribution:[{range:str, count:int}], recentPackets:[{hash:str,"
                          " payload_type:int, path_json:str|null, rssi:num|null, snr:num|null, timestamp:str,"
                          " decoded_json:json{type:str}}]}",
    "observer metrics": "{observer_id:str, observer_name:str|null, metrics:[{timestamp:str, battery_mv:num|null,"
                        " noise_floor:num|null, recv_error_rate:num|null, rx_airtime_pct:num|null,"
                        " tx_airtime_pct:num|null}], reboots:[str]}",
    "observers/clock-skew": "[{observerID:str, offsetSec:num, samples:int}]",
    "observers/metrics/summary": "{observers:[{observer_id:str, observer_name:str|null, current_noise_floor:num|null,"
                                 " avg_noise_floor_24h:num|null, max_noise_floor_24h:num|null, battery_mv:num|null,"
                                 " sample_count:int, sparkline:[num|null]}]}",
    "packets": "{packets:[packet], total:int}",
    "packet groups": "{packets:[group], total:int}",
    "packets/timestamps": "[str]",
    "packet": "{packet:{id:int, hash:str, observer_id:str|null, observer_name:str|null, payload_type:int, raw_hex:str,"
              " route_type:int, first_seen:str, timestamp:str, _parsedPath:[str]|null, resolved_path?:any,"
              " scope_name?:str|null, decoded_json:json{type:str, channel~:str, channelHash~:int, channelHashHex~:str,"
              " decryptionStatus~:str, destHash~:str, srcHash~:str, encryptedData~:str, mac~:str, lat~:num, lon~:num,"
              " name~:str, pubKey~:str, pathData~:str, sender~:str, sender_timestamp~:int, text~:str, signature~:str,"
              " timestamp~:int, timestampISO~:str, tag~:int, authCode~:int, traceFlags~:int, snrValues~:[num],"
              " flags~:{raw:int, type:int, hasLocation:bool, hasName:bool, repeater:bool}}}, path:[str],"
              " observation_count:int, observations:[observation]}",
    "observations of many": "{results:{*: [observation]}}",
    "decode": "{decoded:{header:{payloadTypeName:str, routeTypeName:str, payloadType:int, routeType:int},"
              " path:{hashSize:int, hashCount:int, hops:[str]}, payload:{type:str}}}",
    "traces": "{traces:[{observer:str, observer_name:str|null, path_json:str|null, rssi:num|null, snr:num|null, time:str}]}",
    "resolve-hops": "{resolved:{*: {name:str|null, pubkey~:str, candidates:[{pubkey:str, name:str|null, lat:num|null,"
                    " lon:num|null, role:str|null}]}}}",
    "mqtt/status": "{sources:[{name:str, broker:str, connected:bool, disconnectCount:int, lastPacketUnix:int,"
                   " packetsLast5m:int, packetsTotal:int}]}",
    "scope-stats": "{summary:{scoped:int, transportTotal:int, unknownScope:int, unscoped:int},"
                   " byRegion:[{count:int, name:str}], timeSeries:[{t:str, scoped:int, unscoped:int}]}",
    "health": "{engine:str, version:str, commit:str, uptime:num, uptimeHuman:str, websocket:{clients:int},"
              " memory:{rss?:num, heapUsed:num, heapTotal:num}, eventLoop:{currentLagMs:num, maxLagMs:num, p50Ms:num},"
              " cache:{entries:int, hits:int, misses:int, staleHits:int, recomputes:int, hitRate:num},"
              " packetStore:{estimatedMB:num, trackedMB:num},"
              " perf:{totalRequests:int, avgMs:num, slowQueries:int, recentSlow:[{path:str, ms:num, time:str, status:int}]}}",
    "perf": "{uptime:num, totalRequests:int, avgMs:num, endpoints:{*: {count:int, avgMs:num, p50Ms:num, p95Ms:num,"
            " maxMs:num}}, slowQueries:[{path:str, ms:num, time:str, status:int}], cache:{size:int, hits:int, misses:int,"
            " staleHits:int, recomputes:int, hitRate:num}, packetStore:{estimatedMB:num, trackedMB:num, maxMB:num,"
            " inserts:int, queries:int, evicted:int, inMemory:int, indexes:{byHash:int, byObserver:int, byNode:int}},"
            " sqlite:{dbSizeMB:num, walSizeMB:num, freelistMB:num, walPages:{busy:int}|null, rows:{transmissions:int,"
            " observations:int, nodes:int, observers:int}}}",
    "perf/io": "{readBytesPerSec:num, writeBytesPerSec:num, cancelledWriteBytesPerSec:num, syscallsRead:num,"
               " syscallsWrite:num, ingestor?:io}",
    "perf/sqlite": "{cacheHitRate:num, pageCount:int, pageSize:int, walSizeMB:num}",
    "perf/write-sources": "{sampleAt:str, sources:{groupCommitFlushes:int, node_upserts:int, obs_inserted:int,"
                          " observer_upserts:int, sig_drops:int, tx_dupes:int, tx_inserted:int, walCommits:int,"
                          " write_errors:int}}",
    "audio-lab/buckets": "{buckets:{*: [{hash:str, raw_hex:str, decoded_json:json{type:str, lon?:num},"
                         " observation_count:int, path_json:str|null, payload_type:int, observer_id:str|null,"
                         " timestamp:str}]}}",
    "debug/affinity": "{edges:[{nodeA:str, nodeAName:str|null, nodeB:str|null, nodeBName:str|null, prefix:str, weight:int,"
                      " observationCount:int, score:num, lastSeen:str, observers:[str], avgSnr?:num, ambiguous:bool,"
                      " unresolved:bool, resolved:bool}], resolutions:[any], stats:{totalEdges:int, totalNodes:int,"
                      " resolvedCount:int, ambiguousCount:int, unresolvedCount:int, avgConfidence:num,"
                      " coldStartCoverage:num, cacheAge:str, lastRebuild:str}}",
    "analytics/neighbor-graph": "{nodes:[{pubkey:str, name:str|null, role:str|null, neighbor_count:int}], edges:[{source:str,"
                                " target:str, score:num, weight:num, ambiguous:bool, avg_snr:num|null}],"
                                " stats:{total_nodes:int}}",
    "analytics/channels": "{activeChannels:int, decryptable:int, channels:[{hash:str, name:str, messages:int, senders:int,"
                          " lastActivity:str, encrypted:bool}], topSenders:[{name:str, count:int}],"
                          " channelTimeline:[{hour:str, channel:str, count:int}], msgLengths:[int]}",
    "analytics/relay-airtime-share": "{preset:{freq_hz:num, bw_khz:num, sf:int, cr:int, preamble:int}, total_score:num,"
                                     " rows:[{payload_type:str, type:int, count:int, count_pct:num, airtime_pct:num,"
                                     " score:num}]}",
    "analytics/rf": "{totalPackets:int, totalAllPackets:int, totalTransmissions:int, snr:spread, rssi:spread, snrValues:bins,"
                    " rssiValues:bins, packetSizes:bins, minPacketSize:num, maxPacketSize:num, avgPacketSize:num,"
                    " packetsPerHour:[{hour:str, count:int}], payloadTypes:[{type:int, name:str, count:int}],"
                    " snrByType:[{name:str, count:int, avg:num, min:num, max:num}], signalOverTime:[{hour:str, count:int,"
                    " avgSnr:num}], scatterData:[{snr:num, rssi:num}], timeSpanHours:num}",
    "analytics/topology":
        "{uniqueNodes:int, avgHops:num|null, medianHops:num|null, maxHops:int, hopDistribution:[{hops:int, count:int}],"
        " topRepeaters:[{hop:str, count:int, name?:str|null, pubkey?:str|null}], topPairs:[{hopA:str, hopB:str, count:int,"
        " nameA?:str|null, nameB?:str|null, pubkeyA?:str|null, pubkeyB?:str|null}], hopsVsSnr:[{hops:int, count:int,"
        " avgSnr:num}], observers:[{id:str, name?:str|null}], perObserverReach:{*: {observer_name:str|null,"
        " rings:[{hops:int, nodes:[{hop:str, name?:str|null, pubkey?:str|null, count:int}]}]}}, multiObsNodes:[{hop:str,"
        " name?:str|null, pubkey?:str|null, observers:[{observer_id:str, observer_name:str|null, minDist:int,"
        " count:int}]}], bestPathList:[{hop:str, name?:str|null, pubkey?:str|null, minDist:int, observer_id:str,"
        " observer_name:str|null}]}",
    "analytics/hash-sizes":
        "{total:int, distribution:{1:int, 2:int, 3:int}, distributionByRepeaters:{1:int, 2:int, 3:int}, hourly:[{hour:str,"
        " 1:int, 2:int, 3:int}], topHops:[{hex:str, size:int, count:int, name?:str|null, pubkey?:str|null}],"
        " multiByteNodes:[{name:str|null, hashSize:int, packets:int, lastSeen:str, pubkey?:str, role:str|null}],"
        " multiByteCapability:[{pubkey:str, name:str|null, role:str|null, status:str, evidence:str|null, maxHashSize:int,"
        " lastSeen:str|null}]}",
    "analytics/hash-collisions":
        "{inconsistent_nodes:[{public_key:str, name:str|null, role:str|null, hash_size:int, hash_sizes_seen:[int]}],"
        " by_size:{*: {stats:{total_nodes:int, using_this_size:int, unique_prefixes:int, collision_count:int},"
        " collisions:[{prefix:str, appearances:int, nodes:[prefix_node], max_dist_km:num, classification:str,"
        " with_coords:int}], one_byte_cells?:{*: [{name:str|null, role:str|null}]}, two_byte_cells?:{*: {group_nodes:[any],"
        " max_collision:int, collision_count:int, two_byte_map:{*: [any]}}}}}}",
    "analytics/subpaths-bulk": "{results:[{subpaths:[{path:str, rawHops:[str], count:int, hops:int, pct:num}],"
                               " totalPaths:int}]}",
    "analytics/subpath-detail": "{hops:any, nodes:[{hop:str, name:str|null, pubkey?:str|null, lat?:num|null, lon?:num|null}],"
                                " totalMatches:int, firstSeen:str|null, lastSeen:str|null, hourDistribution:[int],"
                                " signal:{avgSnr?:num|null, avgRssi?:num|null, samples:int}, observers:[{name:str|null,"
                                " count:int}], parentPaths:[{path:str, count:int}]}",
    "analytics/distance":
        "{summary:{totalHops:int, totalPaths:int, avgDist:num|null, maxDist:num|null}, topHops:[{fromName:str|null, fromPk:str,"
        " toName:str|null, toPk:str, dist:num, type:str, bestSnr:num|null, medianSnr:num|null, obsCount:int, hash:str,"
        " timestamp:str}], topPaths:[{hash:str, totalDist:num, hopCount:int, hops:[{fromName:str|null, fromPk:str,"
        " toName:str|null, toPk:str}]}], catStats:{*: {count:int, avg:num, median:num, min:num, max:num}},"
        " distHistogram:any, distOverTime:[any]}",
    "analytics/roles": "{totalNodes:int, roles:[{role:str, nodeCount:int, withSkew:int, meanAbsSkewSec:num,"
                       " medianAbsSkewSec:num, okCount:int, warningCount:int, criticalCount:int, absurdCount:int,"
                       " noClockCount:int}]}",
    "node reach":
        "{node:{pubkey:str, name:str|null, role:str|null, lat?:num|null, lon?:num|null, first_seen:str|null},"
        " window:{days:int, since:str}, reliable_tokens:[str], importance:{neighbor_degree:int, degree_rank:int|null,"
        " nodes_with_edges:int, relay_observations:int, bidirectional_links:int, direct_observers:int}, links:[{pubkey:str,"
        " name:str|null, distance_km?:num, we_hear:int, they_hear:int, bottleneck:int, bidir:bool, lat?:num|null,"
        " lon?:num|null}], direct_observers:[{pubkey:str, name:str|null, count:int, avg_snr?:num|null}]}",
    "paths/inspect": "{input:any, candidates:[{names:[str], score:num, speculative:bool, evidence:{perHop:[{prefix:str,"
                     " candidatesConsidered:int, edgeWeight:num, alternatives:[{name:str, score:num}]}]}}],"
                     " stats:{beamWidth:int, expansionsRun:int, elapsedMs:num}}",
    "rx-coverage": "{features:[{geometry:{coordinates:any}, properties:{best_snr:num|null, has_sig:bool, nodes:[{prefix:str,"
                   " name?:str|null, count:int, snr:num|null}]}}]}",
    "rx-leaderboard": "{days:int, observers:[{pubkey:str, name:str|null, receptions:int, nodes:int, cells:int, score:num}]}",
}

# Routes that are not there yet: 404. Who makes one takes it from here.
NOT_YET = set()

# (which answer, what is asked, by which pages). {name}: something the world has. A body makes it
# a POST.
ANALYTICS = "analytics"
REQUESTS = [
    ("stats", "stats", "every page"),
    ("healthz", "healthz", "every page"),
    ("config/client", "config/client", "every page"),
    ("config/cache", "config/cache", "every page"),
    ("config/theme", "config/theme", "every page, customizer"),
    ("config/regions", "config/regions", "packets, map, live, channels, observers, analytics"),
    ("config/areas", "config/areas", "packets, nodes, live, map, analytics"),
    ("config/areas/polygons", "config/areas/polygons", "map"),
    ("config/geo-filter", "config/geo-filter", "live, map, customizer"),
    ("config/map", "config/map", "live, map"),
    ("iata-coords", "iata-coords", "packets, packet-detail"),
    ("known-channels", "known-channels", "channels"),
    ("channels", "channels", "packets, search"),
    ("channels", "channels?includeEncrypted=true", "channels"),
    ("channels", "channels?region={iata}", "channels"),
    ("channel messages", "channels/{channel}/messages?limit=200", "channels"),
    ("nodes", "nodes?limit=200&offset=0", "packets, packet-detail, live, nodes"),
    ("nodes", "nodes?limit=2000&offset=0&lastHeard=30d", "map"),
    ("nodes", "nodes?limit=2000&offset=0&sortBy=lastSeen", ANALYTICS),
    ("nodes", "nodes?search={letters}", "search"),
    ("nodes/search", "nodes/search?q={letters}", "packets, channels"),
    ("nodes/bulk-health", "nodes/bulk-health?limit=50", ANALYTICS),
    ("nodes/network-status", "nodes/network-status", ANALYTICS),
    ("nodes/clock-skew", "nodes/clock-skew", "nodes, analytics"),
    ("nodes/resolve", "nodes/resolve?prefix={prefix}", "map"),
    ("node", "nodes/{key}", "packets, live, nodes, node-detail"),
    ("node health", "nodes/{key}/health", "home, live, nodes, node-detail"),
    ("node paths", "nodes/{relay}/paths", "live, nodes, node-detail"),
    ("node analytics", "nodes/{key}/analytics?days=7", "node analytics"),
    ("node battery", "nodes/{listener}/battery?days=7", "node analytics"),
    ("node clock-skew", "nodes/{key}/clock-skew", "nodes, node-detail"),
    ("node neighbors", "nodes/{relay}/neighbors", "nodes, node-detail"),
    ("node neighbors", "nodes/{relay}/neighbors?min_count=3", "map"),
    ("node hop_analytics", "nodes/{relay}/hop_analytics?days=1", "node-detail"),
    ("node reach", "nodes/{relay}/reach?days=7", "reach"),
    ("observers", "observers", "packets, live, map, channels, observers, compare"),
    ("observer", "observers/{observer}", "observer-detail"),
    ("observer analytics", "observers/{observer}/analytics?days=7", "observer-detail"),
    ("observer metrics", "observers/{observer}/metrics?since={since}&resolution=5m", ANALYTICS),
    ("observer metrics", "observers/{observer}/metrics?since={since}&until={until}&resolution=1h", ANALYTICS),
    ("observers/clock-skew", "observers/clock-skew", "observers, observer-detail"),
    ("observers/metrics/summary", "observers/metrics/summary?window=24h", ANALYTICS),
    ("packet groups", "packets?limit=50000&groupByHash=true&since={since}", "packets"),
    ("packet groups", "packets?limit=200&groupByHash=true&expand=observations", "packets"),
    ("packets", "packets?limit=200&expand=observations&since={since}", "live"),
    ("packets", "packets?limit=200&grouped=false&expand=observations&since={since}", "live"),
    ("packets", "packets?observer={observer}&since={since}&limit=10000", "compare"),
    ("packets", "packets?hash={hash}&limit=50", "packets, traces, search"),
    ("packets/timestamps", "packets/timestamps?since={since}", "live"),
    ("packet", "packets/{id of each type}", "packets, packet-detail, map"),
    ("packet", "packets/{hash}", "packets, packet-detail"),
    ("observations of many", "packets/observations", "packets", {"hashes": ["{hash}"]}),
    ("decode", "decode", "packets", {"hex": "{hex}"}),
    ("traces", "traces/{hash}", "traces"),
    ("resolve-hops", "resolve-hops?hops={hops}", "map"),
    ("mqtt/status", "mqtt/status", "observers"),
    ("scope-stats", "scope-stats?window=24h", ANALYTICS),
    ("health", "health", "perf"),
    ("perf", "perf", "perf"),
    ("perf/io", "perf/io", "perf"),
    ("perf/sqlite", "perf/sqlite", "perf"),
    ("perf/write-sources", "perf/write-sources", "perf"),
    ("audio-lab/buckets", "audio-lab/buckets", "audio-lab"),
    ("debug/affinity", "debug/affinity", "map, analytics"),
    ("debug/affinity", "debug/affinity?node={relay}", "nodes"),
    ("paths/inspect", "paths/inspect", "path-inspector", {"prefixes": ["{byte}"]}),
    ("rx-coverage", "rx-coverage?days=7&z=10&bbox=-180,-90,180,90", "rx-coverage"),
    ("rx-leaderboard", "rx-leaderboard?days=7&limit=50", "rx-coverage"),
    ("analytics/neighbor-graph", "analytics/neighbor-graph", "live"),
    ("analytics/neighbor-graph", "analytics/neighbor-graph?min_count=1&min_score=0", ANALYTICS),
    ("analytics/channels", "analytics/channels", ANALYTICS),
    ("analytics/relay-airtime-share", "analytics/relay-airtime-share", ANALYTICS),
    ("analytics/rf", "analytics/rf", ANALYTICS),
    ("analytics/rf", "analytics/rf?region={iata}", ANALYTICS),
    ("analytics/topology", "analytics/topology", ANALYTICS),
    ("analytics/hash-sizes", "analytics/hash-sizes", ANALYTICS),
    ("analytics/hash-collisions", "analytics/hash-collisions", ANALYTICS),
    ("analytics/subpaths-bulk", "analytics/subpaths-bulk?groups=2-2:50,3-3:30,4-4:20,5-8:15", ANALYTICS),
    ("analytics/subpath-detail", "analytics/subpath-detail?hops={stretch}", ANALYTICS),
    ("analytics/distance", "analytics/distance", ANALYTICS),
    ("analytics/roles", "analytics/roles", ANALYTICS),
]

WEBSOCKET = ("{type:str, data:{id:int, hash:str, timestamp:str, path_json:str|null, resolved_path?:any, raw_hex:str,"
             " snr:num|null, observer_id:str|null, observer_name:str|null, observer_iata:str|null,"
             " decoded:{header:{payloadTypeName:str}, path?:any, payload:{type:str, channel~:str, channelHash~:int,"
             " sender~:str, sender_timestamp~:int, text~:str, name~:str, lat~:num, lon~:num, pubKey~:str,"
             " encryptedData~:str, mac~:str}},"
             " packet:{id:int, hash:str, payload_type:int, route_type:int, raw_hex:str, path_json:str|null,"
             " resolved_path?:any, timestamp:str, observer_id:str|null, observer_name:str|null, observer_iata:str|null,"
             " _parsedPath:[str]|null, decoded_json:json{type:str, channel~:str, destHash~:str, srcHash~:str,"
             " text~:str}}}}")
