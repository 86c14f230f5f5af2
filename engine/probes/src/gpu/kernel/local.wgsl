// Reads of workgroup memory: no two lanes of a row meet in a bank, and the address changes with every trip.
struct Params {
    trips: u32,
    stride: u32, // odd, so that every place comes up
};
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> sums: array<f32>;

var<workgroup> tile: array<vec4<f32>, PLACES>;

// Small whole numbers: sums are exact in any order.
fn content(place: u32) -> vec4<f32> {
    let bits = mix32(place);
    return vec4<f32>(f32(bits & 15u), f32((bits >> 4u) & 15u), f32((bits >> 8u) & 15u), f32((bits >> 12u) & 15u));
}

@compute @workgroup_size(LANES)
fn reads(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    for (var place = lane; place < PLACESu; place += LANESu) {
        tile[place] = content(place);
    }
    workgroupBarrier();
    var turn = 0u;
    #each LOADS var sum{k} = vec4<f32>(0.0);
    for (var trip = 0u; trip < params.trips; trip += 1u) {
        let base = lane ^ (turn & (PLACESu - 1u));
        #each LOADS sum{k} += tile[base ^ ({k}u * (PLACESu / LOADSu))];
        turn += params.stride;
    }
    var all = vec4<f32>(0.0);
    #each LOADS all += sum{k};
    sums[(group.y * ROWu + group.x) * LANESu + lane] = all.x + all.y + all.z + all.w;
}
