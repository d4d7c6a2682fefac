/*
 * What Redis does in one go. Each script touches one key, so it works in a cluster too. Numbers are written with 17 digits:
 * a double is then read back as the one that it was, and a sum is that of JavaScript.
 */

/** KEYS: state. ARGV: expected epoch, next epoch, text, channel. Answers the epoch that is then present. */
export const writeScript = `
local present = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0')
if present ~= tonumber(ARGV[1]) then return {0, tostring(present)} end
redis.call('HSET', KEYS[1], 'epoch', ARGV[2], 'text', ARGV[3])
redis.call('PUBLISH', ARGV[4], ARGV[2])
return {1, ARGV[2]}
`;

/** KEYS: evidence. ARGV: evidence epoch, replica's field, sequence, then field and number by turns. */
export const addScript = `
local present = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1')
local epoch = tonumber(ARGV[1])
if epoch < present then return 0 end
if epoch > present then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
end
local last = tonumber(redis.call('HGET', KEYS[1], ARGV[2]) or '0')
if tonumber(ARGV[3]) <= last then return 0 end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
for i = 4, #ARGV, 2 do
  local before = tonumber(redis.call('HGET', KEYS[1], ARGV[i]) or '0')
  redis.call('HSET', KEYS[1], ARGV[i], string.format('%.17g', before + tonumber(ARGV[i + 1])))
end
return 1
`;

/**
 * KEYS: rewards. ARGV: replica, position, rewards that are kept, then id, owner and value by turns. Rewards have numbers, `last` is
 * the newest one's. Answers whether each was the first, as digits; the new position; then id and value by turns of those that others
 * gave for decisions of this replica, of at most two thousand rewards after the position.
 */
export const rewardsScript = `
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or '0')
local kept = tonumber(ARGV[3])
local from = tonumber(ARGV[2])
if from > last then from = 0 end
local upTo = last
local first = {}
for i = 4, #ARGV, 3 do
  local by = redis.call('HGET', KEYS[1], 'by ' .. ARGV[i])
  if not by then
    by = ARGV[1]
    last = last + 1
    redis.call('HSET', KEYS[1], 'last', string.format('%d', last), 'by ' .. ARGV[i], by,
      'id ' .. last, ARGV[i], 'of ' .. last, ARGV[i + 1], 'is ' .. last, ARGV[i + 2])
    local old = last - kept
    local id = redis.call('HGET', KEYS[1], 'id ' .. old)
    if id then redis.call('HDEL', KEYS[1], 'by ' .. id, 'id ' .. old, 'of ' .. old, 'is ' .. old) end
  end
  table.insert(first, by == ARGV[1] and '1' or '0')
end
from = math.max(from, last - kept)
upTo = math.max(from, math.min(upTo, from + 2000))
local answer = {table.concat(first), string.format('%d', upTo)}
for number = from + 1, upTo do
  if redis.call('HGET', KEYS[1], 'of ' .. number) == ARGV[1] then
    local id = redis.call('HGET', KEYS[1], 'id ' .. number)
    if redis.call('HGET', KEYS[1], 'by ' .. id) ~= ARGV[1] then
      table.insert(answer, id)
      table.insert(answer, redis.call('HGET', KEYS[1], 'is ' .. number))
    end
  end
end
return answer
`;
