-- Applies what one epoch changes in one hash, once and only once.
--
-- KEYS[1]  the hash
-- ARGV     the field with the number of the last epoch that was applied, the number of this one, the milliseconds after
--          which the hash vanishes (0: never), how many fields are set; then field and text of each that is set, and
--          field and amount of each that is added to
--
-- All is judged before anything is written, for Redis does not take back what a script has done when it fails.
local key, mark, number, ttl, set = KEYS[1], ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4])
local last = redis.call('HGET', key, mark)
if last and tonumber(last) >= tonumber(number) then
  return 0
end

local added = 5 + 2 * set
local commands = {}
for place = added, #ARGV, 2 do
  local field, amount = ARGV[place], ARGV[place + 1]
  local value = redis.call('HGET', key, field) or '0'
  if not value:match('^-?%d+%.?%d*$') then
    return redis.error_reply('ERR the field ' .. field .. ' is no number')
  end
  -- What 64 bits may not hold goes on as a decimal number.
  local whole = value:match('^-?%d+$') and amount:match('^-?%d+$') and math.abs(value + amount) < 9.2e18
  commands[#commands + 1] = {whole and 'HINCRBY' or 'HINCRBYFLOAT', key, field, amount}
end

redis.call('HSET', key, mark, number)
for _, command in ipairs(commands) do
  redis.call(unpack(command))
end
for place = 5, added - 1, 2 do
  redis.call('HSET', key, ARGV[place], ARGV[place + 1])
end
if ttl ~= '0' then
  redis.call('PEXPIRE', key, ttl)
end
return 1
