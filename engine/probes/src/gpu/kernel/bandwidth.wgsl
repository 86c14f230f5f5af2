// Global memory: fill, copy, triad and read of one window. The host repeats `#each` lines and writes constants in.
struct Params {
    groups: u32, // workgroups that have work
    first: u32,  // number of the window's first word in its array
    seed: u32,
    scale: f32,
};
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> source: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> second: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> into: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> sums: array<u32>;

@compute @workgroup_size(LANES)
fn fill_array(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.y * ROWu + group.x;
    if (number >= params.groups) { return; }
    let at = number * LANESu + lane;
    let place = params.first + 4u * at;
    into[at] = vec4<u32>(word(params.seed, place), word(params.seed, place + 1u),
                            word(params.seed, place + 2u), word(params.seed, place + 3u));
}

// All loads of a thread are under way before its first store.
@compute @workgroup_size(LANES)
fn copy_array(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.y * ROWu + group.x;
    if (number >= params.groups) { return; }
    let at = number * (LANESu * LOADSu) + lane;
    #each LOADS let v{k} = source[at + {k}u * LANESu];
    #each LOADS into[at + {k}u * LANESu] = v{k};
}

@compute @workgroup_size(LANES)
fn triad_array(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.y * ROWu + group.x;
    if (number >= params.groups) { return; }
    let at = number * (LANESu * LOADSu) + lane;
    #each LOADS let b{k} = bitcast<vec4<f32>>(source[at + {k}u * LANESu]);
    #each LOADS let c{k} = bitcast<vec4<f32>>(second[at + {k}u * LANESu]);
    #each LOADS into[at + {k}u * LANESu] = bitcast<vec4<u32>>(b{k} + params.scale * c{k});
}

// Each workgroup sums a span of its own; each thread leaves one sum, which is checked.
@compute @workgroup_size(LANES)
fn read_array(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    let number = group.y * ROWu + group.x;
    if (number >= params.groups) { return; }
    var at = number * SPANu + lane;
    #each LOADS var sum{k} = vec4<u32>(0u);
    for (var trip = 0u; trip < SPANu / (LANESu * LOADSu); trip += 1u) {
        #each LOADS let v{k} = source[at + {k}u * LANESu];
        #each LOADS sum{k} += v{k};
        at += LANESu * LOADSu;
    }
    var all = vec4<u32>(0u);
    #each LOADS all += sum{k};
    sums[number * LANESu + lane] = all.x + all.y + all.z + all.w;
}
