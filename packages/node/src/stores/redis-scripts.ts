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
