-- SPDX-License-Identifier: BSL-1.0
-- A dissector for Wireshark and tshark: the frames of a link between hosts, over UDP and TCP, and the packets in
-- them. Frames say what they are, so no port has to be given, unless another protocol has that port: then
-- -d tcp.port==7000,umach.
--
--   tshark -X lua_script:umach.lua -i any -Y umach
--   wireshark -X lua_script:umach.lua session.pcap

local frame = Proto("umach", "umach link")

local kinds = {[1] = "hello", [2] = "data", [3] = "acknowledge", [4] = "bye", [5] = "beat"}
local ops = {[1] = "hello", [2] = "part", [3] = "credit", [4] = "dead", [5] = "release", [6] = "look up",
             [7] = "found", [8] = "memory", [9] = "taken", [10] = "version", [11] = "told",
             [12] = "unowned", [13] = "inherit", [14] = "room"}
local rights = {[0] = "none", [1] = "dead name", [2] = "send right of the sender's", [3] = "send right that comes home",
                [4] = "send-once right", [5] = "receive right", [6] = "receive right and ownership",
                [7] = "ownership", [8] = "ownership that comes home"}

local f = frame.fields
f.kind = ProtoField.uint8("umach.kind", "Kind", base.DEC, kinds)
f.length = ProtoField.uint32("umach.length", "Length of the body")
f.incarnation = ProtoField.uint64("umach.incarnation", "Incarnation", base.HEX)
f.sequence = ProtoField.uint64("umach.sequence", "Sequence")
f.acknowledged = ProtoField.uint64("umach.acknowledged", "Acknowledged")
f.selected = ProtoField.uint32("umach.selected", "Selected", base.HEX)
f.checksum = ProtoField.uint32("umach.checksum", "Checksum (CRC-32C)", base.HEX)
f.op = ProtoField.uint8("umach.op", "Packet", base.DEC, ops)
f.id = ProtoField.uint32("umach.id", "Id", base.HEX)
f.count = ProtoField.uint32("umach.count", "Count")
f.whole = ProtoField.uint32("umach.whole", "Length of the whole")
f.offset = ProtoField.uint32("umach.offset", "Offset")
f.bytes = ProtoField.bytes("umach.bytes", "Bytes")
f.call = ProtoField.uint32("umach.call", "Call")
f.name = ProtoField.string("umach.name", "Name")
f.code = ProtoField.int32("umach.code", "Code")
f.version = ProtoField.uint8("umach.version", "Version of the protocol")
f.right = ProtoField.uint8("umach.right", "Right", base.DEC, rights)
f.was = ProtoField.uint32("umach.was", "Known before as", base.HEX)
f.msg_id = ProtoField.int32("umach.msg_id", "msg_id")
f.simple = ProtoField.uint8("umach.simple", "msg_simple")

local short = ProtoExpert.new("umach.short", "Packet shorter than it says", expert.group.MALFORMED, expert.severity.ERROR)
frame.experts = {short}

local head_bytes = 40

-- Takes numbers and texts from the front of a body, and puts them into the tree.
local function reader(tvb, at, tree)
    local r = {}
    function r.left() return tvb:len() - at end
    local function take(field, bytes)
        if r.left() < bytes then error("short") end
        local range = tvb(at, bytes)
        at = at + bytes
        tree:add_le(field, range)
        return range
    end
    function r.u8(field) return take(field, 1):uint() end
    function r.u32(field) return take(field, 4):le_uint() end
    function r.text(field)
        if r.left() < 1 then error("short") end
        local length = tvb(at, 1):uint()
        at = at + 1
        return length > 0 and take(field, length):string() or ""
    end
    function r.right()
        r.u8(f.right)
        r.u32(f.id)
        r.u32(f.was)
    end
    function r.rest(field)
        if r.left() > 0 then take(field, r.left()) end
    end
    return r
end

local function part(r, of_message)
    local id = r.u32(f.id)
    local whole = r.u32(f.whole)
    local offset = r.u32(f.offset)
    if of_message and offset == 0 and r.left() >= 10 then
        r.u32(f.msg_id)
        r.u32(f.count)
        r.u8(f.simple)
        r.right()
    end
    r.rest(f.bytes)
    return string.format("to %d, %d of %d", id, offset, whole)
end

local packets = {
    [1] = function(r) r.u8(f.version) return r.text(f.name) end,
    [2] = function(r) return part(r, true) end,
    [3] = function(r) return tostring(r.u32(f.id)) end,
    [4] = function(r) return tostring(r.u32(f.id)) end,
    [5] = function(r) return r.u32(f.id) .. " times " .. r.u32(f.count) end,
    [6] = function(r) r.u32(f.call) return r.text(f.name) end,
    [7] = function(r) r.u32(f.call) local code = r.u32(f.code) r.right() return "code " .. code end,
    [8] = function(r) return part(r, false) end,
    [9] = function(r) r.u32(f.id) return r.u32(f.count) .. " bytes" end,
    [10] = function(r) r.u32(f.call) return "" end,
    [11] = function(r) r.u32(f.call) return r.text(f.name) end,
    [12] = function(r) return tostring(r.u32(f.id)) end,
    [13] = function(r) return r.u32(f.id) .. ", before " .. r.u32(f.was) end,
    [14] = function(r) r.u32(f.id) return r.u32(f.count) .. " bytes" end,
}

-- returns: what it is, in words, and what is left behind it
local function packet(tvb, tree)
    local op = tvb(0, 1):uint()
    local name = ops[op] or ("packet " .. op)
    local branch = tree:add(frame, tvb, "Packet: " .. name)
    branch:add(f.op, tvb(0, 1))
    if packets[op] == nil then return name, 0 end
    local r = reader(tvb, 1, branch)
    local whole, said = pcall(packets[op], r)
    if not whole then branch:add_proto_expert_info(short) end
    return whole and said ~= "" and (name .. " " .. said) or name, whole and r.left() or 0
end

local function all_packets(tvb, tree)
    local said, left = {}, tvb:len()
    while left > 0 do
        said[#said + 1], left = packet(tvb(tvb:len() - left):tvb(), tree)
    end
    return table.concat(said, ", ")
end

local function one_frame(tvb, pinfo, root)
    local kind, length = tvb(3, 1):uint(), tvb(4, 4):le_uint()
    local tree = root:add(frame, tvb(0, head_bytes + length))
    tree:add(f.kind, tvb(3, 1))
    tree:add_le(f.length, tvb(4, 4))
    tree:add_le(f.incarnation, tvb(8, 8))
    tree:add_le(f.sequence, tvb(16, 8))
    tree:add_le(f.acknowledged, tvb(24, 8))
    tree:add_le(f.selected, tvb(32, 4))
    tree:add_le(f.checksum, tvb(36, 4))
    local said = kinds[kind] or tostring(kind)
    if kind == 2 and length > 0 then said = all_packets(tvb(head_bytes, length):tvb(), tree) end
    tree:append_text(": " .. said)
    return said
end

local function is_frame(tvb)
    return tvb:len() >= 4 and tvb(0, 2):string() == "uM" and tvb(2, 1):uint() == 1 and kinds[tvb(3, 1):uint()] ~= nil
end

-- In a stream frames begin and end anywhere in a segment: more is asked for until one is whole.
local function dissect(tvb, pinfo, root)
    local at, said = 0, {}
    while at < tvb:len() do
        local rest = tvb(at):tvb()
        local known = rest:len() >= 8 and (head_bytes + rest(4, 4):le_uint()) or nil
        if known == nil or rest:len() < known then
            if pinfo.can_desegment == 0 then return at end
            pinfo.desegment_offset = at
            pinfo.desegment_len = known and (known - rest:len()) or DESEGMENT_ONE_MORE_SEGMENT
            break
        end
        said[#said + 1] = one_frame(rest, pinfo, root)
        at = at + known
    end
    pinfo.cols.protocol = "umach"
    pinfo.cols.info = table.concat(said, "; ")
    return tvb:len()
end
frame.dissector = dissect

local function heard(tvb, pinfo, root)
    if not is_frame(tvb) then return false end
    dissect(tvb, pinfo, root)
    return true
end

-- The first segment of a stream tells; the others of it are taken for frames without looking.
local function heard_in_stream(tvb, pinfo, root)
    if not is_frame(tvb) then return false end
    pinfo.conversation = frame
    dissect(tvb, pinfo, root)
    return true
end

for _, way in ipairs({"udp.port", "tcp.port"}) do DissectorTable.get(way):add_for_decode_as(frame) end
frame:register_heuristic("udp", heard)
frame:register_heuristic("tcp", heard_in_stream)
