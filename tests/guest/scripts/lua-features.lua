#!/usr/bin/lua5.4
-- needs: lua5.4
local n = tonumber(os.getenv "N") * 2000
local function fib(k) if k < 2 then return k end return fib(k - 1) + fib(k - 2) end
print(fib(16), n)
local t = setmetatable({}, { __index = function(_, k) return k * 2 end })
print(t[21], #"abc", 7 // 2, 7.5 // 2, 2 ^ 10, 1e15, 10 / 2, 3 | 4, ~0)
local co = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
print(co(), co(), co())
print(("hello world"):gsub("o", "0"), ("key=val"):match("(%w+)=(%w+)"), string.format("%5.2f %q %x", 3.14159, "a\nb", 255))
print(pcall(error, { code = 1 }), select("#", 1, nil, 3), math.maxinteger, math.type(1.0), tostring(0/0):gsub("-", ""))
local s = 0 for i = 1, n do s = s + math.sin(i) end print(string.format("%.8f", s))
local words = {} for l in io.lines "words.txt" do for w in l:gmatch "%a+" do words[w] = (words[w] or 0) + 1 end end
local keys = {} for k in pairs(words) do keys[#keys + 1] = k end table.sort(keys) print(#keys, keys[1], keys[#keys])
print(load("return 1 + 1")(), utf8.char(233, 8364), string.pack("<i4", 258):byte(1, -1))
goto done
print "skipped"
::done:: print(os.time { year = 2020, month = 1, day = 1, hour = 0 })
