// Independent chains of fused multiply-adds: each number becomes its square plus a constant, over and over.
struct Params {
    trips: u32,
    bias: f32,
};
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> ends: array<u32>;

// A start in 0..1 with few bits, so that every type holds it exactly.
fn start(chain: u32) -> REAL {
    return REAL(f32(mix32(chain) >> 22u) * 0.0009765625);
}

fn mark(value: REAL) -> u32 {
    return bitcast<u32>(f32(value));
}

@compute @workgroup_size(LANES)
fn chains(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let first = (lane % SEEDSu) * (4u * CHAINSu);
    let bias = vec4<REAL>(REAL(params.bias));
    #each CHAINS var x{k} = vec4<REAL>(start(first + 4u * {k}u), start(first + 4u * {k}u + 1u), start(first + 4u * {k}u + 2u), start(first + 4u * {k}u + 3u));
    for (var trip = 0u; trip < params.trips; trip += 1u) {
        STEPS
    }
    // All ends take part, in order, without any rounding.
    var mixed = 0u;
    #each CHAINS mixed = mixed * 31u + mark(x{k}.x); mixed = mixed * 31u + mark(x{k}.y); mixed = mixed * 31u + mark(x{k}.z); mixed = mixed * 31u + mark(x{k}.w);
    ends[(group.y * ROWu + group.x) * LANESu + lane] = mixed;
}
